import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import pm  # noqa: E402


@pytest.fixture(scope="session")
def server():
    """One scratch PostgreSQL for the tests that do not kill it; each test has a database of its own on it."""
    server = pm.PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=["embedded", "external"])
def instance(request, server):
    """A running, ready instance, on both kinds of database."""
    with pm.Instance(request.param, server if request.param == "external" else None) as one:
        yield one.run()


@pytest.fixture
def private(server):
    """A function that makes instances (not started) on a database of their own; all are ended after the test."""
    made = []

    def make(mode="external", **options):
        one = pm.Instance(mode, server if mode == "external" else None, **options)
        made.append(one)
        return one

    yield make
    faults = []
    for one in made:
        one.close()
        faults += one.faults
    assert not faults, "\n".join(faults)


def pytest_collection_modifyitems(items):
    for item in items:
        if "valgrind" in item.nodeid and not os.environ.get("PM_TEST_VALGRIND"):
            item.add_marker(pytest.mark.skip(reason="part valgrind runs it"))

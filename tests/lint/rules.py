"""Rules about the tree that a compiler does not know. Each prints the place and the rule, so the fix is plain.

    rules.py FILE.c FILE.h …     from the top folder
"""
import re
import subprocess
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.M)

# Folder -> the folders of ours that it may include from (the longest prefix counts).
MAY_INCLUDE = {
    "common/": ("common/",),
    "worker/core/": ("common/", "worker/core/"),
    "worker/": ("common/", "worker/"),
    "persister/": ("common/", "worker/core/", "persister/"),
    "supervisor/": ("common/", "supervisor/"),
}
CORE_COMMON = {"check", "limits", "fixed", "field", "event", "instrument"}
CORE_SYSTEM = {"stdint.h", "stdbool.h", "stddef.h", "string.h"}
# Library header -> the files that may see it.
HOMES = {
    r"^nng/": r"^(common/link(_mend)?\.c|bench/|tests/)",
    r"^msgpack": r"^common/wire\.c$",
    r"^libpq|^postgres": r"^(persister/|tests/|bench/)",
    r"^event2/": r"^(common/(loop|link)\.c|worker/http[a-z_]*\.[ch]|persister/db_conn\.c|bench/|tests/)",
    r"^ini\.h$": r"^common/config[a-z_]*\.c$",
}


def owner_folder(path):
    fits = [prefix for prefix in MAY_INCLUDE if path.startswith(prefix)]
    return max(fits, key=len) if fits else None


def check_includes(path, text):
    folder = owner_folder(path)
    for header in INCLUDE.findall(text):
        for pattern, home in HOMES.items():
            if re.search(pattern, header) and not re.search(home, path):
                yield f"{path}: includes {header}; only {home} may"
        if folder is None:
            continue
        if "/" in header and header.split("/")[0] in ("common", "worker", "persister", "supervisor"):
            if not header.startswith(MAY_INCLUDE[folder]):
                yield f"{path}: includes {header}; {folder} may include only from {', '.join(MAY_INCLUDE[folder])}"
            if folder == "worker/core/" and header.startswith("common/") and Path(header).stem not in CORE_COMMON:
                yield f"{path}: the core may not include {header}"
        elif folder == "worker/core/" and header not in CORE_SYSTEM and not (path.endswith("core_memory.c") or header == "stdlib.h" and allocates(path)):
            yield f"{path}: the core may not include <{header}>"


def allocates(path):
    # One file of the core allocates, in core_new().
    return "core_new" in Path(path).read_text()


def check_floating_point(path, text):
    if not (path.startswith("worker/core/") or path.startswith("common/fixed")):
        return
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"(\\.|[^\"])*\"", " ", text, flags=re.S)
    for word in re.findall(r"\b(float|double|strtod|atof|long double)\b", code):
        yield f"{path}: {word} where money lives (rules 1)"


def check_sleep(path, text):
    if owner_folder(path) and re.search(r"\b(sleep|usleep|nanosleep)\s*\(", text):
        if path not in ("supervisor/cli.c", "supervisor/control_client.c"):
            yield f"{path}: sleeps in a program that has an event loop"


WORDS = re.compile(r"\b(TODO|FIXME|XXX|stub(bed)?|not implemented)\b")


def check_words(path, text):
    if path == "tests/lint/rules.py":
        return
    for number, line in enumerate(text.splitlines(), 1):
        if WORDS.search(line):
            yield f"{path}:{number}: unfinished by its own words: {line.strip()[:100]}"


def tracked():
    try:
        out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True).stdout
        return [line for line in out.splitlines() if Path(line).exists()]
    except (OSError, subprocess.CalledProcessError):
        return [str(p) for p in Path(".").rglob("*") if p.is_file()]


def check_owners():
    prefixes = re.findall(r"^\| `([^`]+)` \|", Path("HACKING.md").read_text(), re.M)
    for path in tracked():
        if not any(path == prefix or prefix.endswith("/") and path.startswith(prefix) for prefix in prefixes):
            yield f"{path}: no owner in HACKING.md"


def main(paths):
    faults = []
    for path in paths:
        text = Path(path).read_text()
        for check in (check_includes, check_floating_point, check_sleep):
            faults += check(path, text)
    for path in tracked():
        if path.endswith((".c", ".h", ".py", ".sh", ".sql", ".am", ".mk", ".md")):
            faults += check_words(path, Path(path).read_text())
    faults += check_owners()
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

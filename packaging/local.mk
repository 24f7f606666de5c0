# Sample config, init script, man pages.

# Sample config, init script, man pages.
EXTRA_DIST += %D%/pm-supervisor.conf %D%/database_config.json.example

# Sample config, init script, man pages.
EXTRA_DIST += %D%/pm-supervisor.conf %D%/database_config.json.example

# The manual, and the completion that `pm-supervisor completion` prints (a test compares them).
dist_man_MANS = %D%/man/pm-supervisor.8
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/bash-completion/pm-supervisor

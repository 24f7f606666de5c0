dist_sql_DATA = %D%/001_initial_schema.sql %D%/002_add_heartbeat_index.sql %D%/003_add_leadership_history.sql

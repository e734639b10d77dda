"""`vuelo check`: what can be known of migrations without a database.

Every file is read with PostgreSQL's own grammar (libpg_query), in the order in which it would run; the catalog follows
what would exist, and the rules judge each statement against it. Needs the extra `check`.
"""

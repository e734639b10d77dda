"""How fast vuelo is, beside psql and beside other migration tools, in one run on one server.

`make bench-migrations` writes docs/reference/migration-benchmarks.md.
"""

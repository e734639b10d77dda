"""How much the platform's HTTP costs, beside the bare SQL through pgbench on the same server.

`make bench-http` writes docs/reference/http-benchmarks.md.
"""

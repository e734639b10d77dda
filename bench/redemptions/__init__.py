"""What a redemption costs: through HTTP, beside the same statements through pgbench, with few rows and with many.

`make bench-redemptions` writes docs/reference/redemption-benchmarks.md.
"""

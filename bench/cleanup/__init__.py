"""What redemptions notice while old rows are cleaned beside them.

`make bench-cleanup` writes docs/reference/cleanup-benchmarks.md.
"""

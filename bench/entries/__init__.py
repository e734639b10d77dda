"""Tickets that enter a raffle by event, beside the bare INSERT: docs/reference/raffle-entry-benchmarks.md."""

"""Raffles that anyone can check: entries, prizes, draws and winners.

Owns `raffle_schema`: raffles and their prizes, the entries and tickets that take part, the chain of draws, winners and
the fulfilment of their prizes, and the audit trail of all that.

Publishes `raffle.closed`, `raffle.drawn`, `raffle.winner.selected`, `prize.claimed`.
Consumes `user.*`, `tickets.issued`, `tickets.revoked`.

Other services import its public models and use cases, never its queries, and know a raffle only by its code and a
ticket by its number. Tickets come from the redemption service; this one only holds those that entered a raffle.
"""

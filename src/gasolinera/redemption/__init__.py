"""Redemptions at the pump, and the raffle tickets that they earn.

Owns `redemption_schema`: redemption transactions and the reports of them, ticket issuances and their tickets, the fraud
log with its review queue, the pump's QR codes, the outbox, and the ledger of the legacy points.

Publishes `redemption.completed`, `redemption.cancelled`, `tickets.issued`, `tickets.revoked`.
Consumes `employee.changed` (who may serve), `station.changed` (where it is, for the rules of travel, and when its days
begin), its own `redemption.completed` and `redemption.cancelled` (points), `ad.view.completed` and `ad.view.rejected`
(bonus tickets), and `user.erased`.

Other services import its public models and use cases, never its queries, and know a redemption only by its transaction
reference, a ticket by its number and an issuance by its uuid. Nothing but
`redemption_schema.issue_tickets` makes tickets.
"""

"""What the service publishes, and what it takes in from others."""

from gasolinera.events import Consumer
from gasolinera.station.employee_events import OUTBOX
from gasolinera.station.personal import take_account_event

__all__ = ["CONSUMERS", "OUTBOX"]

CONSUMERS: tuple[Consumer, ...] = (Consumer("station", frozenset({"user.changed", "user.erased"}), take_account_event),)

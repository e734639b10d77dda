"""What the service publishes, and what it takes in from others."""

from gasolinera.auth import notifications, webhooks
from gasolinera.auth.employments import take_employee_changed
from gasolinera.auth.user_events import OUTBOX
from gasolinera.events import Consumer

__all__ = ["CONSUMERS", "OUTBOX"]

CONSUMERS: tuple[Consumer, ...] = (
    Consumer("auth", frozenset({"employee.changed"}), take_employee_changed),
    *notifications.CONSUMERS,
    *webhooks.CONSUMERS,
)

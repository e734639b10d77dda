"""What the service publishes, and what it takes in from others."""

from gasolinera.events import Consumer, Outbox
from gasolinera.raffle import eligibility, entering
from gasolinera.raffle.delivery import FORGET_PERSON

OUTBOX = Outbox("raffle_schema")
CONSUMERS: tuple[Consumer, ...] = (*entering.CONSUMERS, *eligibility.CONSUMERS, FORGET_PERSON)

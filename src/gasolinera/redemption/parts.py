"""What the redemption service brings into a process."""

from gasolinera.parts import Parts
from gasolinera.redemption import api_fraud
from gasolinera.redemption.errors_fraud import FRAUD_REFUSALS
from gasolinera.redemption.events import CONSUMERS, OUTBOX
from gasolinera.redemption.partitions import prepare
from gasolinera.routing import service_router

_HANDLERS = (*api_fraud.HANDLERS,)

PARTS = Parts(
    name="redemption",
    schema="redemption_schema",
    routers=(service_router("redemption", "/api/redemptions", _HANDLERS),),
    prepare=prepare,
    outbox=OUTBOX,
    consumers=CONSUMERS,
    refusals={**FRAUD_REFUSALS},
)

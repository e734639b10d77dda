"""What the raffle service brings into a process."""

from gasolinera.parts import Parts
from gasolinera.raffle import (
    api_draws,
    api_entries,
    api_evidence,
    api_prizes,
    api_raffles,
    api_verifiers,
    api_winners,
    errors_draws,
    errors_fulfilment,
    pages,
    pages_fairness,
    pages_office,
    pages_office_audit,
    pages_office_draft,
    pages_office_players,
    pages_office_steps,
    pages_office_winners,
    pages_prizes,
    pages_verify,
    winners,
)
from gasolinera.raffle.delivery import FORGET_DELIVERIES
from gasolinera.raffle.draw_keeping import DRAWS
from gasolinera.raffle.errors import RAFFLE_REFUSALS
from gasolinera.raffle.events import CONSUMERS, OUTBOX
from gasolinera.raffle.jobs import RAFFLE_JOBS
from gasolinera.raffle.personal import export_person
from gasolinera.raffle.timestamps import COLLECT_TIMESTAMPS
from gasolinera.routing import service_router

PARTS = Parts(
    name="raffle",
    schema="raffle_schema",
    routers=(
        service_router(
            "raffle",
            "/api/raffles",
            [
                *api_raffles.HANDLERS,
                *api_prizes.HANDLERS,
                *api_entries.HANDLERS,
                *api_draws.HANDLERS,
                *api_evidence.HANDLERS,
                *api_winners.HANDLERS,
                *api_verifiers.HANDLERS,
            ],
        ),
        service_router(
            "raffle",
            "/",
            [
                *pages.HANDLERS,
                *pages_prizes.HANDLERS,
                *pages_fairness.HANDLERS,
                *pages_verify.HANDLERS,
                *pages_office.HANDLERS,
                *pages_office_audit.HANDLERS,
                *pages_office_draft.HANDLERS,
                *pages_office_steps.HANDLERS,
                *pages_office_players.HANDLERS,
                *pages_office_winners.HANDLERS,
            ],
        ),
    ),
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(*RAFFLE_JOBS, COLLECT_TIMESTAMPS, *winners.JOBS, FORGET_DELIVERIES),
    pollers=(DRAWS,),
    refusals={**RAFFLE_REFUSALS, **errors_draws.REFUSALS, **errors_fulfilment.REFUSALS},
    export_person=export_person,
    has_pages=True,
)

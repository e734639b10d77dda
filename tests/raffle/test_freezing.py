"""A freeze that takes long: when its list says it was made, and until when it is committed."""

from typing import Any

import asyncpg
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.raffle.freezing import freeze
from gasolinera.raffle.models_draws import Frozen
from tests.raffle.draw_steps import Entered, close_raffle, terms
from tests.raffle.test_drawing import within

Admin = psycopg.Connection[Any]


def test_a_freeze_is_not_committed_once_its_round_is_near(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-SLOW", [Entered(1, 1)])

    async def work(db: Database) -> None:
        async with db.transaction(RequestContext(actor="test")) as conn:
            await freeze(conn, "T-SLOW", terms(gap_s=600))
            await conn.execute("SELECT pg_sleep(2.1)")

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        within(settings, work)
    assert refused.value.constraint_name == "raffle_draws_frozen_in_time_check"


def test_a_list_says_when_it_was_made_and_not_when_its_transaction_began(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-WAITED", [Entered(1, 1)])

    async def work(db: Database) -> Frozen:
        async with db.transaction(RequestContext(actor="test")) as conn:
            await conn.execute("SELECT pg_sleep(2.1)")
            return await freeze(conn, "T-WAITED", terms(gap_s=600))

    frozen = within(settings, work)
    began = admin.execute(
        "SELECT frozen_at > created_at + interval '2 s' FROM raffle_schema.raffle_draws WHERE chain_number = %s",
        (frozen.draw_number,),
    ).fetchone()
    assert began == (True,)

"""Bonus tickets of ad views: once a view, by the redemption's own tickets, where those are, and gone when they go."""

import asyncio
from collections.abc import Callable, Generator
from uuid import UUID, uuid4

import pytest

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.redemption import queries_ad_bonuses as queries
from gasolinera.redemption.models_personal import ExportedAdBonus
from gasolinera.redemption.queries_personal import export_ad_bonuses
from tests.redemption.holders import ANA, BEA, Admin, People, good, hear, met, told
from tests.schema.redemption_steps import completed, move, tickets_of

Connect = Callable[[str], Admin]


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


@pytest.fixture
def app(as_role: Connect) -> Admin:
    return as_role("redemption_app")


def view(
    settings: Settings,
    reference: str | None,
    tickets: int,
    *,
    user: UUID = ANA,
    step: int = 1,
    multiplier: int = 2,
    view_id: UUID | None = None,
    kind: str = "completed",
) -> UUID:
    """As the ad engine tells of it, and the consumer hears it twice."""
    view_id = view_id or uuid4()
    data = {
        "view_id": str(view_id),
        "user_id": str(user),
        "reference": reference,
        "chain_step": step,
        "multiplier": multiplier,
        "base_tickets": 1,
        "bonus_tickets": tickets,
    }
    hear(settings, f"ad.view.{kind}", str(view_id), data)
    return view_id


def decided(admin: Admin, view_id: UUID) -> tuple[str, int]:
    row = admin.execute(
        "SELECT status, ticket_count FROM redemption_schema.ad_bonuses WHERE view_id = %s", (view_id,)
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_view_that_is_told_of_twice_earns_once_for_the_same_raffle(
    admin: Admin, app: Admin, settings: Settings
) -> None:
    reference = completed(app, holder=ANA, tickets=3, raffle="MONTHLY-2026-12")
    seen = view(settings, reference, 3)
    view(settings, reference, 3, view_id=seen)
    assert decided(admin, seen) == ("ISSUED", 3)
    assert tickets_of(admin, reference) == {"ENTERED": 6}
    assert told(admin) == [("tickets.issued", 3, "MONTHLY-2026-12"), ("tickets.issued", 3, "MONTHLY-2026-12")]


@pytest.mark.parametrize(
    ("said", "multiplier", "made"),
    [(6, 3, 6), (5, 3, 5), (7, 3, 6), (1_000_000, 10, 27), (1_000_000, 1_000, 27), (3, 1, 0), (0, 5, 0)],
)
def test_the_redemptions_own_tickets_bound_what_was_told(
    admin: Admin, app: Admin, settings: Settings, said: int, multiplier: int, made: int
) -> None:
    reference = completed(app, holder=ANA, tickets=3)
    seen = view(settings, reference, said, multiplier=multiplier)
    assert decided(admin, seen) == ("ISSUED" if made else "NOTHING", made)
    assert tickets_of(admin, reference) == {"ACTIVE": 3 + made}


def test_each_step_of_a_chain_earns_by_the_own_tickets_and_one_time(
    admin: Admin, app: Admin, settings: Settings
) -> None:
    reference = completed(app, holder=ANA, tickets=2)
    for step in range(1, 11):
        assert decided(admin, view(settings, reference, 2, step=step)) == ("ISSUED", 2)
    assert decided(admin, view(settings, reference, 2, step=10)) == ("STEP_TAKEN", 0)
    assert tickets_of(admin, reference) == {"ACTIVE": 22}


def test_a_cancellation_takes_the_bonus_too_whichever_comes_first(admin: Admin, app: Admin, settings: Settings) -> None:
    reference = completed(app, holder=ANA, tickets=3)
    view(settings, reference, 3)
    move(app, reference, "CANCELLED")
    late = view(settings, reference, 3, step=2)
    assert decided(admin, late) == ("NOT_COMPLETED", 0)
    assert tickets_of(admin, reference) == {"CANCELLED": 6}


def test_anothers_and_an_unknown_redemption_earn_nothing(admin: Admin, app: Admin, settings: Settings) -> None:
    reference = completed(app, holder=BEA, tickets=3)
    assert decided(admin, view(settings, reference, 3)) == ("NOT_COMPLETED", 0)
    assert decided(admin, view(settings, "RDM-20261123-999999", 3)) == ("NOT_COMPLETED", 0)
    assert tickets_of(admin, reference) == {"ACTIVE": 3}


def test_of_a_view_without_a_redemption_nothing_is_kept(admin: Admin, settings: Settings) -> None:
    seen = view(settings, None, 0)
    view(settings, None, 0, view_id=seen, kind="rejected")
    found = admin.execute("SELECT count(*) FROM redemption_schema.ad_bonuses WHERE view_id = %s", (seen,)).fetchone()
    assert found == (0,)


def test_a_bonus_does_not_outlive_the_tickets_that_it_multiplies(admin: Admin, app: Admin, settings: Settings) -> None:
    reference = completed(app, holder=ANA, tickets=3)
    expiry = "now() + interval '1 hour'"
    for step, (expected, expires) in enumerate(((("ISSUED", 3), expiry), (("NOTHING", 0), "now()")), 1):
        with admin.transaction():
            admin.execute("SET LOCAL session_replication_role = replica")
            admin.execute(
                f"UPDATE redemption_schema.raffle_tickets SET expires_at = {expires}"
                " WHERE source = 'COUPON_REDEMPTION' AND user_id = %s".encode(),
                (ANA,),
            )
            admin.execute(
                f"UPDATE redemption_schema.redemptions SET tickets_expire_at = {expires}"
                " WHERE transaction_reference = %s AND tickets_expire_at IS NOT NULL".encode(),
                (reference,),
            )
        assert decided(admin, view(settings, reference, 3, step=step)) == expected
    spread = admin.execute(
        "SELECT max(expires_at) < now() + interval '61 minutes' FROM redemption_schema.raffle_tickets"
        " WHERE source = 'AD_ENGAGEMENT' AND user_id = %s",
        (ANA,),
    ).fetchone()
    assert spread == (True,)


def test_an_export_has_what_views_earned(admin: Admin, app: Admin, settings: Settings) -> None:
    reference = completed(app, holder=ANA, tickets=3)
    seen = view(settings, reference, 3)

    async def exported() -> list[ExportedAdBonus]:
        async with open_database(settings, "redemption") as db:
            return await db.run(lambda conn: export_ad_bonuses(conn, ANA, 10))

    (found,) = [one for one in asyncio.run(exported()) if one.transaction_reference == reference]
    assert (found.view_id, found.status, found.ticket_count, found.chain_step) == (seen, "ISSUED", 3, 1)


def test_a_rejected_view_loses_its_tickets_and_no_others(admin: Admin, app: Admin, settings: Settings) -> None:
    reference = completed(app, holder=ANA, tickets=3)
    seen, other = view(settings, reference, 3), view(settings, reference, 3, step=2)
    view(settings, reference, 3, view_id=seen, kind="rejected")
    assert tickets_of(admin, reference) == {"ACTIVE": 6, "CANCELLED": 3}
    assert (decided(admin, seen), decided(admin, other)) == (("TAKEN_BACK", 3), ("ISSUED", 3))
    assert [kind for kind, _, _ in told(admin)].count("tickets.revoked") == 1


def test_a_rejection_that_comes_before_its_view_wins(admin: Admin, app: Admin, settings: Settings) -> None:
    reference = completed(app, holder=ANA, tickets=3)
    seen = view(settings, reference, 3, kind="rejected")
    view(settings, reference, 3, view_id=seen)
    assert decided(admin, seen) == ("TAKEN_BACK", 0)
    assert tickets_of(admin, reference) == {"ACTIVE": 3}


def test_a_bonus_follows_tickets_that_their_holder_sent_to_one_raffle(
    people: People, admin: Admin, app: Admin, settings: Settings
) -> None:
    people.open_raffle("SPRING-2027")
    people.open_raffle("OTHER-2027")
    sent, divided = completed(app, holder=ANA, tickets=2), completed(app, holder=BEA, tickets=2)
    good(people.post("/tickets/choices", {"raffle_code": "SPRING-2027", "count": 2}))
    for raffle in ("SPRING-2027", "OTHER-2027"):
        good(people.post("/tickets/choices", {"raffle_code": raffle, "count": 1}, BEA))
    view(settings, sent, 2)
    view(settings, divided, 2, user=BEA)
    assert tickets_of(admin, sent) == {"ENTERED": 4}
    assert tickets_of(admin, divided) == {"ENTERED": 2, "ACTIVE": 2}
    admin.execute("UPDATE redemption_schema.ticket_raffles SET closes_at = now() WHERE raffle_code = 'SPRING-2027'")
    view(settings, sent, 2, step=2)
    assert tickets_of(admin, sent) == {"ENTERED": 4, "ACTIVE": 2}


def test_who_was_erased_earns_nothing_more(admin: Admin, app: Admin, settings: Settings) -> None:
    reference = completed(app, holder=ANA, tickets=3)
    hear(settings, "user.erased", str(ANA), {"public_id": str(ANA), "role": "CUSTOMER", "active": False})
    assert decided(admin, view(settings, reference, 3)) == ("ERASED", 0)


def test_a_view_told_of_many_times_at_once_while_it_is_cancelled_leaves_nothing_standing(
    admin: Admin, app: Admin, settings: Settings
) -> None:
    for _ in range(4):
        reference = completed(app, holder=ANA, tickets=3)
        view_id = uuid4()

        async def crowd(reference: str = reference, view_id: UUID = view_id) -> list[str]:
            async with open_database(settings, "redemption") as db:
                taking = (
                    db.run(
                        lambda conn: queries.take_bonus(
                            conn, view_id, ANA, reference, chain_step=1, multiplier=2, tickets=3
                        )
                    )
                    for _ in range(8)
                )
                cancelling = asyncio.to_thread(move, app, reference, "CANCELLED")
                found = await asyncio.gather(*taking, cancelling)
            return [outcome for outcome in found if outcome is not None]

        outcomes = asyncio.run(crowd())
        assert sorted(outcomes)[1:] == ["REPEATED"] * 7
        assert set(tickets_of(admin, reference)) == {"CANCELLED"}

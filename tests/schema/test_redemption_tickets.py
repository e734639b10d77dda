"""Tickets of the redemption schema: made once, by one function, taken back, and numbered so that mistakes show."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg import errors
from tests.schema import catalog, ticket_numbers
from tests.schema.catalog import Conn
from tests.schema.racing import wait_until_blocked
from tests.schema.redemption_steps import DRIVER, STRANGER, begin, completed, issue, move, tickets_of

Connect = Callable[[str], Conn]


# Tickets


def test_completion_makes_the_earned_tickets_with_valid_and_different_numbers(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app, tickets=12, raffle="MONTHLY-2026-12")
    made = catalog.rows(
        app,
        """
        SELECT t.ticket_number, t.user_id, t.source, t.raffle_code, t.status, t.ordinal
          FROM redemption_schema.raffle_tickets AS t JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id
         WHERE r.transaction_reference = %s ORDER BY t.ordinal
        """,
        reference,
    )
    assert len({row[0] for row in made}) == 12
    assert all(ticket_numbers.is_valid(row[0]) for row in made)
    assert {row[1:5] for row in made} == {(DRIVER, "COUPON_REDEMPTION", "MONTHLY-2026-12", "ENTERED")}
    assert [row[5] for row in made] == list(range(1, 13))


def test_tickets_without_a_raffle_wait_for_their_holder(as_role: Connect) -> None:
    app = as_role("redemption_app")
    assert tickets_of(app, completed(app)) == {"ACTIVE": 3}


def test_a_redemption_that_earns_nothing_makes_no_issuance(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app, tickets=0)
    assert (
        catalog.number(
            app,
            "SELECT count(*) FROM redemption_schema.ticket_issuances WHERE source_reference = %s",
            reference,
        )
        == 0
    )


def test_saying_completed_again_makes_no_more_tickets(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app)
    move(app, reference, "COMPLETED")
    assert issue(app, "COUPON_REDEMPTION", reference, 3) == "ALREADY_ISSUED"
    assert tickets_of(app, reference) == {"ACTIVE": 3}


def test_two_connections_that_complete_the_same_redemption_make_its_tickets_once(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    reference = begin(first)
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            move(first, reference, "COMPLETED")
            racing = pool.submit(move, second, reference, "COMPLETED")
            wait_until_blocked(admin, second)
        racing.result(timeout=20)
    assert tickets_of(admin, reference) == {"ACTIVE": 3}


def test_two_connections_with_the_same_free_entry_issue_it_once(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            assert issue(first, "FREE_ENTRY", "letter-1", 2) == "ISSUED"
            racing = pool.submit(issue, second, "FREE_ENTRY", "letter-1", 2)
            wait_until_blocked(admin, second)
        assert racing.result(timeout=20) == "ALREADY_ISSUED"
    assert (
        catalog.number(admin, "SELECT count(*) FROM redemption_schema.raffle_tickets WHERE user_id = %s", DRIVER) == 2
    )


def test_a_reference_that_comes_back_with_another_user_or_number_is_refused(as_role: Connect) -> None:
    app = as_role("redemption_app")
    assert issue(app, "PROMOTIONAL", "flyer-1", 2) == "ISSUED"
    assert issue(app, "PROMOTIONAL", "flyer-1", 3) == "REFUSED"
    assert issue(app, "PROMOTIONAL", "flyer-1", 2, holder=STRANGER) == "REFUSED"
    assert issue(app, "BONUS", "flyer-1", 2) == "ISSUED", "another source has references of its own"


def test_ten_thousand_tickets_of_a_thousand_redemptions_come_from_one_statement(as_role: Connect) -> None:
    app = as_role("redemption_app")
    app.execute(
        """
        INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code, employee_number,
               terminal_code, original_amount, final_amount, currency, idempotency_key, tickets_earned)
        SELECT %s, 'COUPON0001', 'BATCH', 'JSM001', 'EMP000022', 'JSM001-T1', 500, 500, 'MXN',
               'a key of the batch ' || i, 10
          FROM generate_series(1, 1000) AS i
        """,
        (DRIVER,),
    )
    moved = app.execute(
        "UPDATE redemption_schema.redemptions SET status = 'COMPLETED' WHERE campaign_code = 'BATCH'"
    ).rowcount
    per_redemption = catalog.rows(
        app,
        """
        SELECT count(*), count(DISTINCT ticket_number) FROM redemption_schema.raffle_tickets AS t
          JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id
         WHERE r.campaign_code = 'BATCH' GROUP BY r.id
        """,
    )
    assert moved == 1000
    assert Counter(per_redemption) == {(10, 10): 1000}


def test_a_statement_that_completes_some_and_fails_others_makes_tickets_for_the_completed(as_role: Connect) -> None:
    app = as_role("redemption_app")
    good, bad, untouched = begin(app, tickets=2), begin(app, tickets=5), begin(app, tickets=7)
    app.execute(
        """
        UPDATE redemption_schema.redemptions
           SET status = CASE transaction_reference WHEN %(good)s THEN 'COMPLETED' ELSE 'FAILED' END,
               failure_code = CASE transaction_reference WHEN %(good)s THEN NULL ELSE 'COUPON_REFUSED' END
         WHERE transaction_reference IN (%(good)s, %(bad)s)
        """,
        {"good": good, "bad": bad},
    )
    assert [sum(tickets_of(app, reference).values()) for reference in (good, bad, untouched)] == [2, 0, 0]


def test_a_cancelled_redemption_takes_back_its_tickets_and_the_bonuses_on_them(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference, other = completed(app, tickets=3, raffle="MONTHLY-2026-12"), completed(app, tickets=2)
    assert issue(app, "AD_ENGAGEMENT", "view-1", 4, redemption=reference) == "ISSUED"
    move(app, reference, "CANCELLED")
    assert tickets_of(app, reference) == {"CANCELLED": 7}
    assert tickets_of(app, other) == {"ACTIVE": 2}


def test_a_ticket_whose_draw_was_held_stays_used_when_its_redemption_is_cancelled(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app, tickets=2, raffle="OLD-RAFFLE")
    app.execute("UPDATE redemption_schema.raffle_tickets SET status = 'USED' WHERE raffle_code = 'OLD-RAFFLE'")
    move(app, reference, "CANCELLED")
    assert tickets_of(app, reference) == {"USED": 2}


def test_a_bonus_needs_a_completed_redemption_of_the_same_user(as_role: Connect) -> None:
    app = as_role("redemption_app")
    pending, done, gone = begin(app), completed(app), completed(app)
    move(app, gone, "CANCELLED")
    assert issue(app, "AD_ENGAGEMENT", "view-1", 3, redemption=pending) == "REFUSED"
    assert issue(app, "AD_ENGAGEMENT", "view-2", 3, redemption=gone) == "REFUSED"
    assert issue(app, "AD_ENGAGEMENT", "view-3", 3, redemption="RDM-20200101-999999") == "REFUSED"
    assert issue(app, "AD_ENGAGEMENT", "view-4", 3, redemption=done, holder=STRANGER) == "REFUSED"
    assert issue(app, "AD_ENGAGEMENT", "view-5", 3, redemption=done) == "ISSUED"
    assert tickets_of(app, pending) == {}
    assert tickets_of(app, done) == {"ACTIVE": 6}
    assert tickets_of(app, gone) == {"CANCELLED": 3}


def test_tickets_of_a_pending_redemption_cannot_be_issued_by_hand(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = begin(app)
    assert issue(app, "COUPON_REDEMPTION", reference, 3) == "REFUSED"
    move(app, reference, "COMPLETED")
    assert tickets_of(app, reference) == {"ACTIVE": 3}


def test_a_bonus_that_races_with_a_cancellation_leaves_no_ticket(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    reference = completed(first)
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            move(first, reference, "CANCELLED")
            racing = pool.submit(issue, second, "AD_ENGAGEMENT", "view-9", 5, redemption=reference)
            wait_until_blocked(admin, second)
        assert racing.result(timeout=20) == "REFUSED"
    assert tickets_of(admin, reference) == {"CANCELLED": 3}


def test_a_cancellation_that_races_with_a_bonus_takes_the_bonus_back(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    reference = completed(first)
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            assert issue(first, "AD_ENGAGEMENT", "view-9", 5, redemption=reference) == "ISSUED"
            racing = pool.submit(move, second, reference, "CANCELLED")
            wait_until_blocked(admin, second)
        racing.result(timeout=20)
    assert tickets_of(admin, reference) == {"CANCELLED": 8}


def test_arrays_of_different_lengths_are_refused(as_role: Connect) -> None:
    with pytest.raises(errors.ArraySubscriptError):
        as_role("redemption_app").execute(
            "SELECT redemption_schema.issue_tickets('BONUS', ARRAY['a', 'b'], ARRAY[%s::uuid], ARRAY[1, 1])", (DRIVER,)
        )


# Numbers


def test_every_wrong_character_and_every_swap_of_neighbours_in_a_ticket_number_is_noticed(admin: Conn) -> None:
    good = ticket_numbers.numbers(7, 20)
    bad: set[str] = set()
    for number in good:
        for place in range(3, 19):
            bad |= {number[:place] + other + number[place + 1 :] for other in ticket_numbers.ALPHABET}
            if place < 18:
                bad.add(number[:place] + number[place + 1] + number[place] + number[place + 2 :])
    bad -= set(good)
    assert len(bad) > 20 * 16 * 31
    accepted = catalog.texts(
        admin, "SELECT n FROM unnest(%s::text[]) AS n WHERE redemption_schema.is_ticket_number(n)", sorted(bad) + good
    )
    assert sorted(accepted) == sorted(good)
    assert not any(ticket_numbers.is_valid(number) for number in bad)


@pytest.mark.parametrize("text", ["", "TKT", "TKTILOU00000000000", "tkt0000000000000000", "TKT00000000000000000"])
def test_what_has_another_shape_is_no_ticket_number(admin: Conn, text: str) -> None:
    assert catalog.rows(admin, "SELECT redemption_schema.is_ticket_number(%s)", text) == [(False,)]


def test_both_services_agree_on_what_a_ticket_number_is(admin: Conn) -> None:
    samples = [*ticket_numbers.numbers(3, 50), *(f"TKT{i:016d}" for i in range(200))]
    verdicts = catalog.rows(
        admin,
        "SELECT redemption_schema.is_ticket_number(n), raffle_schema.is_ticket_number(n) FROM unnest(%s::text[]) AS n",
        samples,
    )
    assert verdicts == [(ticket_numbers.is_valid(number),) * 2 for number in samples]


def test_the_runtime_role_neither_reads_nor_chooses_a_seed(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for query in (
        "SELECT ticket_seed FROM redemption_schema.redemptions",
        "SELECT seed FROM redemption_schema.ticket_issuances",
        "SELECT redemption_schema.ticket_number(gen_random_uuid(), 1)",
        """
        SELECT redemption_schema.issue_tickets('BONUS', ARRAY['x'], ARRAY[gen_random_uuid()], ARRAY[1],
               p_seeds => ARRAY[gen_random_uuid()])
        """,
        "UPDATE redemption_schema.redemptions SET ticket_seed = gen_random_uuid()",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(query.encode())


def test_issuances_of_equal_facts_have_unrelated_numbers(as_role: Connect) -> None:
    app = as_role("redemption_app")
    references = [completed(app, tickets=1) for _ in range(50)]
    made = catalog.texts(
        app,
        """
        SELECT substr(ticket_number, 4, 6) FROM redemption_schema.raffle_tickets AS t
          JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id WHERE r.transaction_reference = ANY (%s)
        """,
        references,
    )
    assert len(set(made)) == 50


# The life of a ticket


def test_a_ticket_enters_one_raffle_at_most(as_role: Connect) -> None:
    app = as_role("redemption_app")
    issue(app, "FREE_ENTRY", "letter-1", 1)
    mine = "UPDATE redemption_schema.raffle_tickets SET status = %s, raffle_code = %s WHERE user_id = %s"
    app.execute(mine, ("ENTERED", "RAFFLE-A", DRIVER))
    with pytest.raises(errors.RestrictViolation):
        app.execute(mine, ("ENTERED", "RAFFLE-B", DRIVER))
    app.execute(mine, ("ACTIVE", None, DRIVER))  # raffle A was cancelled
    app.execute(mine, ("ENTERED", "RAFFLE-B", DRIVER))
    app.execute(mine, ("USED", "RAFFLE-B", DRIVER))
    with pytest.raises((errors.CheckViolation, errors.RestrictViolation)):
        app.execute(mine, ("ENTERED", "RAFFLE-C", DRIVER))
    app.execute(mine, ("ACTIVE", None, DRIVER))  # raffle B says that it never held the ticket


def test_an_expired_ticket_enters_nothing(admin: Conn, as_role: Connect) -> None:
    app = as_role("redemption_app")
    issue(app, "FREE_ENTRY", "letter-1", 1)
    admin.execute(
        "UPDATE redemption_schema.raffle_tickets SET expires_at = now() - interval '1 second' WHERE user_id = %s",
        (DRIVER,),
    )
    with pytest.raises(errors.CheckViolation):
        app.execute(
            "UPDATE redemption_schema.raffle_tickets SET status = 'ENTERED', raffle_code = 'R-1' WHERE user_id = %s",
            (DRIVER,),
        )

"""The redemption schema: tickets are made once and taken back, points add up, and nothing goes where it may not."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from uuid import UUID

import pytest
from psycopg import errors
from tests.schema import catalog, ticket_numbers
from tests.schema.catalog import Conn
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]

DRIVER = user(1)
STRANGER = user(2)
_keys = count(1)


def begin(app: Conn, *, holder: UUID = DRIVER, tickets: int = 3, raffle: str | None = None) -> str:
    """A PENDING redemption; its transaction reference."""
    return catalog.texts(
        app,
        """
        INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code, employee_number,
               terminal_code, original_amount, final_amount, currency, idempotency_key, tickets_earned, raffle_code)
        VALUES (%s, 'COUPON0001', 'CAMPAIGN', 'JSM001', 'EMP000022', 'JSM001-T1', 500, 500, 'MXN', %s, %s, %s)
        RETURNING transaction_reference
        """,
        holder,
        f"a-key-of-this-test-{next(_keys)}",
        tickets,
        raffle,
    )[0]


def move(conn: Conn, reference: str, status: str) -> None:
    conn.execute(
        """
        UPDATE redemption_schema.redemptions
           SET status = %(status)s,
               failure_code = CASE %(status)s WHEN 'FAILED' THEN 'COUPON_REFUSED' ELSE failure_code END
         WHERE transaction_reference = %(reference)s
        """,
        {"status": status, "reference": reference},
    )


def completed(app: Conn, *, holder: UUID = DRIVER, tickets: int = 3, raffle: str | None = None) -> str:
    reference = begin(app, holder=holder, tickets=tickets, raffle=raffle)
    move(app, reference, "COMPLETED")
    return reference


def tickets_of(conn: Conn, reference: str) -> Counter[str]:
    """How many tickets of a redemption are in each status, its bonuses included."""
    return Counter(
        catalog.texts(
            conn,
            """
            SELECT t.status FROM redemption_schema.raffle_tickets AS t
              JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id WHERE r.transaction_reference = %s
            """,
            reference,
        )
    )


def issue(
    conn: Conn, source: str, reference: str, tickets: int, *, holder: UUID = DRIVER, redemption: str | None = None
) -> str:
    """The outcome of one call of issue_tickets."""
    return catalog.texts(
        conn,
        """
        SELECT outcome FROM redemption_schema.issue_tickets(%s, ARRAY[%s], ARRAY[%s::uuid], ARRAY[%s::integer],
               p_transaction_references => ARRAY[%s])
        """,
        source,
        reference,
        holder,
        tickets,
        redemption,
    )[0]


def wait_until_blocked(admin: Conn, blocked: Conn) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if catalog.number(admin, "SELECT cardinality(pg_blocking_pids(%s))", blocked.info.backend_pid):
            return
        time.sleep(0.02)
    pytest.fail("the second connection did not wait for the first")


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
    with pytest.raises(errors.CheckViolation):
        app.execute(mine, ("ACTIVE", None, DRIVER))


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


# Redemptions

STATUSES = ("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")
ROADS: dict[str, tuple[str, ...]] = {
    "PENDING": (),
    "IN_PROGRESS": ("IN_PROGRESS",),
    "COMPLETED": ("IN_PROGRESS", "COMPLETED"),
    "FAILED": ("FAILED",),
    "CANCELLED": ("CANCELLED",),
}
ALLOWED = {
    "PENDING": {"IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"},
    "IN_PROGRESS": {"COMPLETED", "FAILED", "CANCELLED"},
    "COMPLETED": {"CANCELLED"},
    "FAILED": set[str](),
    "CANCELLED": set[str](),
}


@pytest.mark.parametrize("start", STATUSES)
def test_a_redemption_goes_only_where_it_may(as_role: Connect, start: str) -> None:
    app = as_role("redemption_app")
    reached: set[str] = set()
    for goal in STATUSES:
        if goal == start:
            continue
        reference = begin(app)
        for step in ROADS[start]:
            move(app, reference, step)
        try:
            move(app, reference, goal)
        except errors.CheckViolation:
            continue
        reached.add(goal)
    assert reached == ALLOWED[start]


@pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"])
def test_a_redemption_begins_pending_even_for_the_owner(admin: Conn, status: str) -> None:
    with pytest.raises(errors.CheckViolation):
        admin.execute(
            """
            INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code,
                   employee_number, terminal_code, original_amount, final_amount, currency, idempotency_key, status)
            VALUES (%s, 'COUPON0001', 'CAMPAIGN', 'JSM001', 'EMP000022', 'JSM001-T1', 1, 1, 'MXN', 'sixteen-letters-x',
                    %s)
            """,
            (DRIVER, status),
        )


def test_a_finished_redemption_keeps_its_facts(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app)
    for change in (
        "original_amount = 600, final_amount = 600",
        "discount_amount = 100, final_amount = 400",
        "tickets_earned = 50",
        "raffle_code = 'ANOTHER-1'",
    ):
        with pytest.raises(errors.RestrictViolation):
            app.execute(
                b"UPDATE redemption_schema.redemptions SET " + change.encode() + b" WHERE transaction_reference = %s",
                (reference,),
            )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("discount_amount = 600, final_amount = -100", "redemptions_discount_amount_check"),
        ("discount_amount = -1, final_amount = 501", "redemptions_discount_amount_check"),
        ("discount_amount = 75, final_amount = 426", "redemptions_final_amount_check"),
        ("original_amount = 0, final_amount = 0", "redemptions_original_amount_check"),
        ("currency = 'EUR'", "redemptions_currency_check"),
        (
            "currency = 'CRC', discount_amount = 10.50, final_amount = 489.50",
            "redemptions_rounding_check",
        ),
        ("fuel_litres = 10, price_per_litre = NULL", "redemptions_fuel_check"),
        ("fuel_type = 'KEROSENE'", "redemptions_fuel_type_check"),
        # 10 litres at 20 are not 500; only production and test ask
        ("fuel_type = 'REGULAR', fuel_litres = 10, price_per_litre = 20", "redemptions_pump_amount_check"),
        ("metadata = '[]'", "redemptions_metadata_check"),
        ("coupon_code = 'lower'", "redemptions_coupon_code_check"),
        ("employee_number = 'E1'", "redemptions_employee_number_check"),
    ],
)
def test_wrong_facts_are_refused_by_a_named_rule(admin: Conn, change: str, constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(
            b"UPDATE redemption_schema.redemptions SET " + change.encode() + b" WHERE transaction_reference = %s",
            (begin(admin),),
        )
    assert refused.value.diag.constraint_name == constraint


def test_the_same_key_of_the_same_employee_is_one_redemption(as_role: Connect) -> None:
    app = as_role("redemption_app")
    insert = """
        INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code, employee_number,
               terminal_code, original_amount, final_amount, currency, idempotency_key)
        VALUES (%s, 'COUPON0001', 'CAMPAIGN', 'JSM001', %s, 'JSM001-T1', 500, 500, 'MXN', 'the-key-of-one-request')
    """
    app.execute(insert, (DRIVER, "EMP000022"))
    app.execute(insert, (DRIVER, "EMP000024"))
    with pytest.raises(errors.UniqueViolation) as refused:
        app.execute(insert, (DRIVER, "EMP000022"))
    assert refused.value.diag.constraint_name == "redemptions_employee_number_idempotency_key_key"


def test_transaction_references_differ_and_grow_past_six_digits(admin: Conn, as_role: Connect) -> None:
    app = as_role("redemption_app")
    admin.execute("SELECT setval('redemption_schema.transaction_reference_seq', 999998)")
    numbers = [begin(app).rsplit("-", 1)[1] for _ in range(2)]
    assert numbers == ["999999", "1000000"]


def test_each_change_of_status_is_on_record_with_who_asked(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = begin(app)
    with app.transaction():
        app.execute("SELECT set_config('gasolinera.actor', 'EMP000022', true)")
        app.execute("SELECT set_config('gasolinera.ip_address', '192.0.2.7', true)")
        move(app, reference, "COMPLETED")
    move(app, reference, "CANCELLED")
    history = catalog.rows(
        app,
        """
        SELECT old_status, new_status, actor, host(ip_address) FROM redemption_schema.redemption_audit_log
         WHERE transaction_reference = %s ORDER BY id
        """,
        reference,
    )
    assert history == [("PENDING", "COMPLETED", "EMP000022", "192.0.2.7"), ("COMPLETED", "CANCELLED", None, None)]


# Logs that only grow


@pytest.mark.parametrize("table", ["redemption_audit_log", "fraud_detection_log", "points_ledger"])
def test_a_log_is_never_changed(admin: Conn, as_role: Connect, table: str) -> None:
    name = b"redemption_schema." + table.encode()
    app = as_role("redemption_app")
    for statement in (b"DELETE FROM " + name, b"UPDATE " + name + b" SET created_at = now()", b"TRUNCATE " + name):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement)
        with pytest.raises(errors.RestrictViolation):
            admin.execute(statement)


def detect(conn: Conn, action: str, fraud_type: str | None = "VELOCITY_FRAUD", score: int = 50) -> None:
    conn.execute(
        """
        INSERT INTO redemption_schema.fraud_detection_log (user_id, fraud_type, risk_score, action_taken)
        VALUES (%s, %s, %s, %s)
        """,
        (DRIVER, fraud_type, score, action),
    )


def test_a_flagged_attempt_is_in_the_review_queue_and_an_allowed_one_is_not(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for action in ("ALLOWED", "FLAGGED", "ALLOWED_WITH_REVIEW", "BLOCKED"):
        detect(app, action)
    queued = catalog.texts(
        app,
        """
        SELECT l.action_taken FROM redemption_schema.fraud_reviews AS v
          JOIN redemption_schema.fraud_detection_log AS l USING (detection_id) WHERE l.user_id = %s ORDER BY l.id
        """,
        DRIVER,
    )
    assert queued == ["FLAGGED", "ALLOWED_WITH_REVIEW"]
    with pytest.raises(errors.CheckViolation):
        app.execute("UPDATE redemption_schema.fraud_reviews SET status = 'CONFIRMED'")


def test_a_score_is_0_to_100_and_a_measure_has_a_reason(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for action, fraud_type, score in (
        ("BLOCKED", None, 90),
        ("BLOCKED", "BAD_MOOD", 90),
        ("FLAGGED", "DEVICE_FRAUD", 101),
    ):
        with pytest.raises(errors.CheckViolation):
            detect(app, action, fraud_type, score)
    detect(app, "ALLOWED", None, 0)


# The pump's code

SCAN = """
    UPDATE redemption_schema.qr_validations SET status = 'SCANNED', scanned_by = %s
     WHERE nonce = %s AND status = 'GENERATED' AND now() < expires_at
"""


def show_code(app: Conn) -> str:
    return catalog.texts(
        app,
        """
        INSERT INTO redemption_schema.qr_validations (station_code, dispenser_code, employee_number, expires_at)
        VALUES ('JSM001', 'D03', 'EMP000022', now() + interval '15 minutes') RETURNING nonce
        """,
    )[0]


def scan(conn: Conn, nonce: str, driver: UUID) -> int:
    return conn.execute(SCAN, (driver, nonce)).rowcount


def test_of_two_drivers_who_scan_the_same_pump_code_one_wins(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    nonce = show_code(first)
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            assert scan(first, nonce, DRIVER) == 1
            racing = pool.submit(scan, second, nonce, STRANGER)
            wait_until_blocked(admin, second)
        assert racing.result(timeout=20) == 0
    with pytest.raises(errors.RestrictViolation):
        first.execute(
            "UPDATE redemption_schema.qr_validations SET status = 'ACTIVATED', scanned_by = %s WHERE nonce = %s",
            (STRANGER, nonce),
        )


def test_an_expired_pump_code_is_not_scanned(admin: Conn, as_role: Connect) -> None:
    app = as_role("redemption_app")
    nonce = show_code(app)
    admin.execute(
        """
        UPDATE redemption_schema.qr_validations
           SET created_at = now() - interval '10 minutes', expires_at = now() - interval '1 second' WHERE nonce = %s
        """,
        (nonce,),
    )
    with pytest.raises(errors.CheckViolation):
        app.execute(
            "UPDATE redemption_schema.qr_validations SET status = 'SCANNED', scanned_by = %s WHERE nonce = %s",
            (DRIVER, nonce),
        )


def test_a_pump_code_skips_no_step(as_role: Connect) -> None:
    app = as_role("redemption_app")
    nonce = show_code(app)
    for status in ("ACTIVATED", "COMPLETED"):
        with pytest.raises(errors.CheckViolation):
            app.execute(
                "UPDATE redemption_schema.qr_validations SET status = %s, scanned_by = %s WHERE nonce = %s",
                (status, DRIVER, nonce),
            )
    assert scan(app, nonce, DRIVER) == 1
    for status in ("ACTIVATED", "COMPLETED"):
        app.execute("UPDATE redemption_schema.qr_validations SET status = %s WHERE nonce = %s", (status, nonce))


# Points


def book(conn: Conn, entry_type: str, points: int, reference: str, *, owner: UUID = DRIVER) -> int:
    """Books points; the balance after them."""
    return catalog.number(
        conn,
        """
        INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference)
        VALUES (%s, %s, %s, %s) RETURNING balance_after
        """,
        owner,
        entry_type,
        points,
        reference,
    )


def test_points_booked_by_several_connections_at_once_add_up(admin: Conn, as_role: Connect) -> None:
    writers, entries = 4, 25

    def work(number: int) -> None:
        app = connections[number]
        for entry in range(entries):
            book(app, "EARNED", 10, f"earned-{number}-{entry}")
            book(app, "REDEEMED", -3, f"redeemed-{number}-{entry}")

    connections = [as_role("redemption_app") for _ in range(writers)]
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    ledger = catalog.rows(
        admin,
        """
        SELECT entry_number, points, balance_after FROM redemption_schema.points_ledger
         WHERE user_id = %s ORDER BY entry_number
        """,
        DRIVER,
    )
    balance = 0
    for expected_number, (entry_number, points, balance_after) in enumerate(ledger, start=1):
        balance += points
        assert (entry_number, balance_after) == (expected_number, balance)
    assert len(ledger) == writers * entries * 2
    assert balance == writers * entries * 7
    assert catalog.rows(
        admin, "SELECT balance, entry_count FROM redemption_schema.points_accounts WHERE user_id = %s", DRIVER
    ) == [(balance, len(ledger))]


def test_two_redemptions_of_the_last_points_do_not_both_succeed(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    book(first, "EARNED", 100, "start")
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            assert book(first, "REDEEMED", -100, "wash-1") == 0
            racing = pool.submit(book, second, "REDEEMED", -100, "wash-2")
            wait_until_blocked(admin, second)
        with pytest.raises(errors.CheckViolation) as refused:
            racing.result(timeout=20)
    assert refused.value.diag.constraint_name == "points_ledger_balance_after_check"
    assert catalog.rows(
        admin, "SELECT balance, entry_count FROM redemption_schema.points_accounts WHERE user_id = %s", DRIVER
    ) == [(0, 2)]


def test_points_of_the_same_fact_move_once_even_under_on_conflict(as_role: Connect) -> None:
    app = as_role("redemption_app")
    book(app, "EARNED", 100, "receipt-1")
    with pytest.raises(errors.UniqueViolation):
        app.execute(
            """
            INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference)
            VALUES (%s, 'EARNED', 100, 'receipt-1') ON CONFLICT DO NOTHING
            """,
            (DRIVER,),
        )
    assert book(app, "EARNED", 1, "receipt-2") == 101


@pytest.mark.parametrize(
    ("entry_type", "points"), [("EARNED", -5), ("BONUS", 0), ("REDEEMED", 5), ("EXPIRED", 1), ("GIFT", 5)]
)
def test_points_have_the_sign_of_their_entry(as_role: Connect, entry_type: str, points: int) -> None:
    app = as_role("redemption_app")
    book(app, "EARNED", 100, "start")
    with pytest.raises(errors.CheckViolation):
        book(app, entry_type, points, "wrong")


def test_the_runtime_role_sets_no_balance_itself(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for statement in (
        "UPDATE redemption_schema.points_accounts SET balance = 1000000",
        """
        INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, balance_after)
        VALUES (gen_random_uuid(), 'EARNED', 1, 'x', 1000000)
        """,
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement.encode())


# The outbox


def test_an_event_waits_in_the_outbox_until_it_is_published_and_has_one_id(as_role: Connect) -> None:
    app = as_role("redemption_app")
    event = catalog.texts(
        app,
        """
        INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
        VALUES ('redemption.completed', 'redemption', 'RDM-20261101-000001', '{}') RETURNING event_id
        """,
    )[0]
    with pytest.raises(errors.UniqueViolation):
        app.execute(
            """
            INSERT INTO redemption_schema.outbox_events (event_id, event_type, aggregate_type, aggregate_key, payload)
            VALUES (%s, 'redemption.completed', 'redemption', 'RDM-20261101-000001', '{}')
            """,
            (event,),
        )
    waiting = "SELECT event_id FROM redemption_schema.outbox_events WHERE published_at IS NULL"
    assert catalog.texts(app, waiting) == [event]
    app.execute("UPDATE redemption_schema.outbox_events SET published_at = now() WHERE event_id = %s", (event,))
    assert catalog.texts(app, waiting) == []
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("UPDATE redemption_schema.outbox_events SET payload = '{}'")

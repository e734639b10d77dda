"""Services that were brought apart, by lost events and by restores of one of them, on real databases."""

from collections import Counter
from typing import Any

from gasolinera.ops.reconciling_models import Finding, Reconciliation, Remedy
from gasolinera.ops.reconciling_plans import write_plan
from tests.ops.platform import DRIVER, Platform, erase, give_tickets, lose_unpublished
from vuelo.embedded import Server


def kinds(done: Reconciliation) -> Counter[tuple[str, Remedy]]:
    return Counter((found.kind, found.remedy) for found in done.findings)


def of_kind(done: Reconciliation, kind: str) -> list[Finding]:
    return [found for found in done.findings if found.kind == kind]


def held_by_raffle(platform: Platform) -> set[str]:
    rows = platform.run("raffle", "SELECT ticket_number FROM raffle_schema.raffle_tickets WHERE status = 'ACTIVE'")
    return {number for (number,) in rows}


def test_services_that_agree_are_found_to_agree_and_a_repair_does_nothing(platform: Platform) -> None:
    looked = platform.compare()
    assert looked.findings == ()
    assert [one.reason for one in looked.compared if one.reason] == []
    assert sum(one.keys for one in looked.compared) > 150
    assert platform.compare(is_repair=True).delivered == 0


def test_a_lost_event_is_found_explained_and_delivered_once(platform: Platform) -> None:
    issuance = give_tickets(platform, "lost")
    lose_unpublished(platform, "redemption")
    before = held_by_raffle(platform)

    looked = platform.compare()
    # Auth's notifications and the raffle service listen to tickets.issued; the raffle lacks three tickets of it.
    assert kinds(looked) == {("event_not_heard", Remedy.EVENT): 2, ("entry_missing", Remedy.EVENT): 3}
    assert all("was published, and never came in" in one.explanation for one in of_kind(looked, "entry_missing"))
    assert looked.delivered == 0
    assert held_by_raffle(platform) == before

    repaired = platform.compare(is_repair=True)
    assert repaired.delivered == 2
    # What the event brings is on its way, and is not told a second time.
    assert kinds(repaired) == {("event_not_heard", Remedy.EVENT): 2, ("entry_missing", Remedy.WAIT): 3}
    assert platform.compare(is_repair=True).delivered == 0
    platform.settle()
    assert len(held_by_raffle(platform) - before) == 3
    rows = platform.run(
        "raffle", "SELECT ticket_count FROM raffle_schema.raffle_entries WHERE issuance_id = %s", [issuance]
    )
    assert rows == [(3,)]
    assert platform.compare().findings == ()


def test_what_is_still_on_its_way_is_no_difference_that_anybody_has_to_mend(platform: Platform) -> None:
    give_tickets(platform, "young")
    assert kinds(platform.compare()) == {("entry_missing", Remedy.WAIT): 3}
    assert platform.compare(is_repair=True).delivered == 0
    lose_unpublished(platform, "redemption")
    assert platform.compare(grace_s=7200).findings == ()


def test_what_an_inbox_forgot_by_its_rule_was_not_lost_and_is_not_delivered_again(platform: Platform) -> None:
    give_tickets(platform, "forgotten")
    platform.settle()
    platform.run("redemption", "UPDATE redemption_schema.outbox_events SET published_at = now() - interval '10 days'")
    platform.run("raffle", "DELETE FROM raffle_schema.inbox_events WHERE event_type = 'tickets.issued'")
    assert {one.kind for one in platform.compare().findings} == {"event_not_heard"}
    platform.run(
        "raffle",
        "UPDATE ops_schema.retention_rules SET keep = '7 days' WHERE name = 'raffle.settled_events'",
    )
    repaired = platform.compare(is_repair=True)
    assert (repaired.findings, repaired.delivered) == ((), 0)


def test_an_effect_that_was_deleted_is_brought_back_by_its_event_made_anew(platform: Platform) -> None:
    issuance = give_tickets(platform, "deleted")
    platform.settle()
    entered = platform.run(
        "raffle", "SELECT entered_at FROM raffle_schema.raffle_entries WHERE issuance_id = %s", [issuance]
    )
    platform.run(
        "raffle",
        "DELETE FROM raffle_schema.raffle_tickets WHERE entry_id IN "
        "(SELECT id FROM raffle_schema.raffle_entries WHERE issuance_id = %s)",
        [issuance],
    )
    platform.run("raffle", "DELETE FROM raffle_schema.raffle_entries WHERE issuance_id = %s", [issuance])
    looked = platform.compare()
    assert kinds(looked) == {("entry_missing", Remedy.EVENT): 3}
    assert all("which is gone: deleted, or restored away" in one.explanation for one in looked.findings)
    notified = platform.run("auth", "SELECT count(*) FROM auth_schema.inbox_events")

    assert platform.compare(is_repair=True).delivered == 1
    platform.settle()
    assert platform.compare().findings == ()
    # It was entered when it was, not when it was repaired; and nobody else heard of it.
    again = platform.run(
        "raffle", "SELECT entered_at FROM raffle_schema.raffle_entries WHERE issuance_id = %s", [issuance]
    )
    assert again == entered
    assert platform.run("auth", "SELECT count(*) FROM auth_schema.inbox_events") == notified


def test_an_event_that_a_listener_gave_up_is_left_to_its_dead_letter(platform: Platform) -> None:
    platform.run(
        "raffle",
        "ALTER TABLE raffle_schema.raffle_entries ADD CONSTRAINT raffle_entries_never CHECK (source <> 'PROMOTIONAL') "
        "NOT VALID",
    )
    give_tickets(platform, "given up", tickets=1)
    platform.settle()
    ((letter,),) = platform.run("raffle", "SELECT id FROM raffle_schema.dead_letters")
    looked = platform.compare(is_repair=True)
    assert kinds(looked) == {("entry_missing", Remedy.LETTER): 1}
    assert looked.delivered == 0
    assert looked.findings[0].steps[0].endswith(f"gasolinera events dead-letters replay raffle {letter}")


def test_a_listener_that_was_restored_gets_back_what_it_lost_from_the_others(
    server: Server, copies: Any, platform: Platform
) -> None:
    """The raffle service comes back as it was, in another database; the five others went on."""
    older = copies(platform.database)
    issuances = [give_tickets(platform, f"since {number}", tickets=2) for number in range(4)]
    platform.settle()
    # One of them is taken back again, and a customer has the account erased meanwhile.
    platform.run(
        "redemption",
        "UPDATE redemption_schema.raffle_tickets SET status = 'CANCELLED' WHERE issuance_id = %s",
        [issuances[3]],
    )
    erase(platform, DRIVER)
    platform.settle()
    assert platform.compare().findings == ()
    expected = held_by_raffle(platform)

    restored = Platform(server, platform.database, {"raffle": older})
    looked = restored.compare()
    found = kinds(looked)
    assert found["entry_missing", Remedy.EVENT] == 6
    assert found["erasure_not_told", Remedy.EVENT] == 1
    assert set(found) == {
        ("event_not_heard", Remedy.EVENT),
        ("entry_missing", Remedy.EVENT),
        ("erasure_not_told", Remedy.EVENT),
    }
    assert {one.lacking for one in looked.findings} == {"raffle"}
    assert any(
        said.startswith("nothing came to raffle between") and said.endswith("it was probably restored")
        for one in looked.compared
        for said in one.likely
    )
    restored.compare(is_repair=True)
    restored.settle()
    assert restored.compare().findings == ()
    assert held_by_raffle(restored) == expected


def test_a_publisher_that_was_restored_is_not_guessed_at(server: Server, copies: Any, platform: Platform) -> None:
    older = copies(platform.database)
    issuance = give_tickets(platform, "forgotten", tickets=2)
    platform.settle()
    restored = Platform(server, platform.database, {"redemption": older})
    looked = restored.compare(is_repair=True)
    assert kinds(looked) == {("ticket_unknown", Remedy.PLAN): 2, ("event_not_told", Remedy.PLAN): 2}
    assert {one.lacking for one in looked.findings} == {"redemption"}
    assert looked.delivered == 0
    plan = write_plan(looked)
    assert f"1. look for issuance {issuance} in a backup of the redemption service" in plan
    assert all(one.subject in plan for one in of_kind(looked, "ticket_unknown"))
    # Nothing changed, so it is found again, and since when.
    again = restored.compare()
    assert kinds(again) == kinds(looked)
    assert all(one.first_found_at is not None for one in again.findings)
    assert all(one.first_found_at is None for one in looked.findings)


def test_money_is_left_to_people_and_a_coupon_comes_back_by_its_event(platform: Platform) -> None:
    uses = platform.run(
        "coupon",
        "SELECT h.redemption_reference FROM coupon_schema.coupon_usage_history AS h "
        "JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id WHERE h.restored_at IS NULL AND c.valid_until > now() "
        "ORDER BY h.redemption_reference",
    )
    completed = {
        reference
        for (reference,) in platform.run(
            "redemption", "SELECT transaction_reference FROM redemption_schema.redemptions WHERE status = 'COMPLETED'"
        )
    }
    lost, unknown, cancelled = [reference for (reference,) in uses if reference in completed][:3]
    # The coupon service lost a use, the redemption service a redemption, and an event was lost between them.
    platform.break_into(
        "coupon", "DELETE FROM coupon_schema.coupon_usage_history WHERE redemption_reference = %s", [lost]
    )
    platform.break_into(
        "redemption", "DELETE FROM redemption_schema.redemptions WHERE transaction_reference = %s", [unknown]
    )
    platform.run(
        "coupon",
        "UPDATE coupon_schema.campaigns SET cancellation_policy = 'RESTORE' WHERE id = (SELECT c.campaign_id FROM "
        "coupon_schema.coupon_usage_history AS h JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id "
        "WHERE h.redemption_reference = %s)",
        [cancelled],
    )
    platform.run(
        "redemption",
        "UPDATE redemption_schema.redemptions SET status = 'CANCELLED', cancellation_reason = 'wrong pump' "
        "WHERE transaction_reference = %s",
        [cancelled],
    )
    platform.settle()  # its tickets go; redemption.cancelled was never written
    looked = platform.compare()
    by_subject = {(one.subject, one.kind): one for one in looked.findings if one.comparison == "uses"}
    assert set(by_subject) == {
        (lost, "redemption_without_use"),
        (unknown, "use_without_redemption"),
        (cancelled, "cancellation_not_told"),
    }
    assert by_subject[lost, "redemption_without_use"].remedy is Remedy.PLAN
    assert by_subject[unknown, "use_without_redemption"].remedy is Remedy.PLAN
    assert by_subject[cancelled, "cancellation_not_told"].remedy is Remedy.EVENT
    platform.compare(is_repair=True)
    platform.settle()
    rows = platform.run(
        "coupon",
        "SELECT redemption_reference, restore_reason FROM coupon_schema.coupon_usage_history "
        "WHERE restored_at IS NOT NULL AND redemption_reference = ANY (%s)",
        [[lost, unknown, cancelled]],
    )
    assert rows == [(cancelled, "CANCELLED")]
    left = {one.kind for one in platform.compare().findings}
    assert "cancellation_not_told" not in left
    assert "cancellation_not_told_to_ads" not in left
    assert {"redemption_without_use", "use_without_redemption"} <= left


def test_station_restored_to_before_it_told_of_an_employment_is_not_believed(
    server: Server, copies: Any, platform: Platform
) -> None:
    older = copies(platform.database)
    ((number, version),) = platform.run(
        "station",
        "UPDATE station_schema.employees SET may_process_transactions = false WHERE id = (SELECT min(id) FROM "
        "station_schema.employees WHERE may_process_transactions AND terminated_on IS NULL AND suspended_at IS NULL) "
        "RETURNING employee_number, nextval('station_schema.employment_versions') + 5",
    )
    looked = platform.compare()
    assert kinds(looked) == {("employment_not_told", Remedy.EVENT): 2}  # auth and redemption keep permissions
    platform.compare(is_repair=True)
    platform.settle()
    assert platform.compare().findings == ()

    platform.run(
        "redemption",
        "UPDATE redemption_schema.employments SET version = %s WHERE employee_number = %s",
        [version, number],
    )
    restored = Platform(server, platform.database, {"station": older})
    found = [one for one in restored.compare(is_repair=True).findings if one.comparison == "employees_redemption"]
    assert [(one.kind, one.subject, one.remedy) for one in found] == [("employment_of_later", number, Remedy.PLAN)]
    assert f"greatest({version}," in found[0].steps[0]


def test_an_erasure_that_a_backup_of_auth_undid_is_found_with_the_way_to_do_it_again(
    server: Server, copies: Any, platform: Platform
) -> None:
    older = copies(platform.database)
    erase(platform, DRIVER)
    platform.settle()
    restored = Platform(server, platform.database, {"auth": older})
    found = of_kind(restored.compare(), "erasure_unknown")
    assert {one.subject for one in found} == {DRIVER}
    assert {one.comparison for one in found} == {
        "erasures_station", "erasures_coupon", "erasures_redemption", "erasures_ads", "erasures_raffle"
    }  # fmt: skip
    assert "gasolinera users replay-erasures" in found[0].steps[0]


def test_a_service_out_of_reach_is_said_and_hides_no_other(platform: Platform) -> None:
    apart = Platform(platform.server, platform.database, {"ads": "nowhere"})
    give_tickets(platform, "lost", tickets=1)
    lose_unpublished(platform, "redemption")
    done = apart.compare()
    unmade = {(one.left, one.right): one.reason for one in done.compared if one.reason}
    assert {left == "ads" or right == "ads" for left, right in unmade} == {True}
    assert set(unmade.values()) == {"unreachable"}
    assert len(of_kind(done, "entry_missing")) == 1

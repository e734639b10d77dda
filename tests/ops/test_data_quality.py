"""Each question about the data finds the fault that was planted for it, and none in data that are as they should be."""

import re
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from gasolinera.database import load_sql
from gasolinera.ops.checking import Verdict
from gasolinera.ops.data_links import LINKS, Link, Orphans, follow_links
from gasolinera.ops.data_quality import RULES, SERVICES, Answer, data_answers, data_results, run_data_checks, summed
from gasolinera.ops.reaching import Operations
from tests.conftest import Clone, drop, project_at
from tests.ops.planted_faults import FAULTS
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
STUCK = ("redemption", "states_stuck_redemptions")
# By what a service is known to the others: the table and column, and names that nobody uses.
KNOWN = {
    "users": ("auth_schema.users", "public_id", "gen_random_uuid()"),
    "stations": ("station_schema.stations", "station_code", "'ZZZ' || id"),
    "employees": ("station_schema.employees", "employee_number", "'EMP9' || lpad(id::text, 9, '0')"),
    "terminals": ("station_schema.terminals", "terminal_code", "'TRM9' || lpad(id::text, 9, '0')"),
    "coupons": ("coupon_schema.coupons", "coupon_code", "'ZZZZZZZZZZZZZ' || id"),
    "campaigns": ("coupon_schema.campaigns", "campaign_code", "'ZZZ' || id"),
    "redemptions": ("redemption_schema.redemptions", "transaction_reference", "'RDM-19000101-' || 100000 + id"),
    "issuances": ("redemption_schema.ticket_issuances", "seed", "gen_random_uuid()"),
    "raffles": ("raffle_schema.raffles", "raffle_code", "'ZZZ' || id"),
    "views": ("ad_schema.ad_engagements", "public_id", "gen_random_uuid()"),
}
# Of what the sample data name nothing.
NAMED_BESIDES = (
    """INSERT INTO redemption_schema.offline_chains
              (terminal_code, station_code, public_key, head_sequence, head_sha256)
       SELECT min(terminal_code), 'JSM001', decode(repeat('00', 32), 'hex'), 0, sha256('x')
         FROM station_schema.terminals""",
    """INSERT INTO raffle_schema.draw_witnesses (terminal_code, station_code, public_key)
       SELECT min(terminal_code), 'JSM001', decode(repeat('00', 32), 'hex') FROM station_schema.terminals""",
    """INSERT INTO redemption_schema.ad_bonuses
              (view_id, transaction_reference, user_id, chain_step, status, ticket_count, issuance_id)
       SELECT v.public_id, 'RDM-20261123-999999', i.user_id, 1, 'ISSUED', i.ticket_count, i.issuance_id
         FROM ad_schema.ad_engagements AS v, redemption_schema.ticket_issuances AS i ORDER BY v.id, i.id LIMIT 1""",
)


def by_question(answers: list[Answer]) -> dict[tuple[str, str], Answer]:
    return {(answer.service, answer.question): answer for answer in answers}


@pytest.fixture(scope="module")
def sample(server: Server, clone_of: Clone) -> Generator[str]:
    name = clone_of("test")
    yield name
    drop(server, name)


@pytest.fixture(scope="module")
def planted(server: Server, clone_of: Clone) -> Generator[tuple[dict[tuple[str, str], Answer], dict[Any, str]]]:
    """The answers in a database with every fault at once, and what each planted fault is about."""
    name = clone_of("test")
    things: dict[Any, str] = {}
    with psycopg.connect(server.url(name), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        for place, statements in FAULTS.items():
            for statement in statements[:-1]:
                conn.execute(statement.encode())
            row = conn.execute(statements[-1].encode()).fetchone()
            assert row is not None, place
            things[place] = row[0]
    yield by_question(data_answers(project_at(server.url(name), "test"))), things
    drop(server, name)


def test_data_that_are_as_they_should_be_are_found_to_be(server: Server, sample: str) -> None:
    answers = by_question(data_answers(project_at(server.url(sample), "test"), every_constraint=True))
    wrong = {place: answer.count for place, answer in answers.items() if answer.count != 0}
    assert wrong == {}
    assert len([place for place in answers if place[1].startswith(("totals_", "states_"))]) == len(FAULTS)
    # All that the server itself vouches for was looked at as well.
    assert len([answer for answer in answers.values() if answer.check == "data_constraints"]) > 500


def test_every_question_has_a_fault_planted_for_it() -> None:
    asked = {
        (name, question) for name in SERVICES for question in load_sql("gasolinera.ops", f"data_quality_{name}.sql")
    }
    assert asked == set(FAULTS)


@pytest.mark.parametrize("place", FAULTS, ids=" ".join)
def test_a_question_finds_the_fault_that_was_planted_for_it(
    place: tuple[str, str], planted: tuple[dict[tuple[str, str], Answer], dict[Any, str]]
) -> None:
    answers, things = planted
    found = answers[place]
    assert found.count
    assert any(example.startswith(things[place]) for example in found.examples)
    assert found.check == f"data_{place[1].partition('_')[0]}"


def test_what_a_service_names_and_the_other_does_not_know_is_counted(server: Server, database: str) -> None:
    project = project_at(server.url(database), "test")
    assert {link.thing for link in LINKS} == set(KNOWN)
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        for statement in NAMED_BESIDES:
            conn.execute(statement.encode())
        assert [link.name for link, found in follow(project) if found.count] == []
        named = {link: {key for (key,) in conn.execute(naming(link.service, link.thing)).fetchall()} for link in LINKS}
        for table, column, other in KNOWN.values():
            conn.execute(f"UPDATE {table} SET {column} = {other}".encode())
    assert all(named.values())
    for link, found in follow(project):
        assert found.count == len(named[link]), link
        assert set(found.examples) <= named[link]


def naming(service: str, thing: str) -> bytes:
    return load_sql("gasolinera.ops", f"data_links_{service}.sql")[f"named_{thing}"].encode()


def follow(project: vuelo.Project) -> list[tuple[Link, Orphans]]:
    followed = list(follow_links(project, statement_timeout_s=60))
    assert [found for _, found in followed if not isinstance(found, Orphans)] == []
    return [(link, found) for link, found in followed if isinstance(found, Orphans)]


def test_rows_that_an_unproven_constraint_hides_are_counted(server: Server, database: str) -> None:
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        for statement in (
            "ALTER TABLE station_schema.stations ADD CONSTRAINT stations_never CHECK (pump_count > 7) NOT VALID",
            "ALTER TABLE station_schema.terminals ADD COLUMN station_number bigint",
            "UPDATE station_schema.terminals SET station_number = CASE WHEN id % 2 = 0 THEN station_id ELSE -1 END",
            """ALTER TABLE station_schema.terminals ADD CONSTRAINT terminals_number_fk
                   FOREIGN KEY (station_number) REFERENCES station_schema.stations (id) NOT VALID""",
            "SET session_replication_role = replica",
            """UPDATE station_schema.employees SET station_id = -1
                WHERE id = (SELECT min(id) FROM station_schema.employees)""",
        ):
            conn.execute(statement.encode())
        (few,) = conn.execute("SELECT count(*) FROM station_schema.stations WHERE pump_count <= 7").fetchall()
        (odd,) = conn.execute("SELECT count(*) FROM station_schema.terminals WHERE id % 2 = 1").fetchall()
    project = project_at(server.url(database), "test").only(["station"])
    found = {answer.question: answer.count for answer in data_answers(project) if answer.check == "data_constraints"}
    assert found == {
        "station_schema.stations.stations_never": few[0],
        "station_schema.terminals.terminals_number_fk": odd[0],
    }
    assert few[0] > 0
    # The server believes in the third one, which a restore could have gone past.
    every = data_answers(project, every_constraint=True)
    broken = {answer.question: answer.count for answer in every if answer.check == "data_constraints" and answer.count}
    assert broken.keys() - found.keys() == {"station_schema.employees.employees_station_id_fk"}
    results = {result.name: result for result in run_data_checks(project)}
    assert results["data_constraints"].verdict is Verdict.CRITICAL
    assert results["data_constraints"].count == 2


def test_what_cannot_be_asked_is_skipped_and_hides_nothing_that_was_found(server: Server, database: str) -> None:
    project = project_at(server.url(database), "test").only(["station", "redemption"])
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        for statement in FAULTS[STUCK]:
            conn.execute(statement.encode())
    with psycopg.connect(server.url(database)) as conn:
        conn.execute("LOCK TABLE station_schema.employee_shifts IN ACCESS EXCLUSIVE MODE")
        answers = data_answers(project, statement_timeout_s=1)
    unsaid = {(answer.service, answer.question): answer.reason for answer in answers if answer.count is None}
    assert unsaid == {("station", "states_employees_at_work"): "timeout"}
    by_name = {result.name: result for result in summed(answers)}
    assert by_name["data_states"].verdict is Verdict.WARNING
    assert by_name["data_states"].findings[0].object.startswith("redemption: A redemption is under way")
    quiet = summed([answer for answer in answers if (answer.service, answer.question) != STUCK])
    assert {result.name: (result.verdict, result.reason) for result in quiet}["data_states"] == (
        Verdict.SKIPPED,
        "timeout",
    )


def test_keys_that_repeat_are_told_and_hide_nothing_else(server: Server, database: str) -> None:
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("ALTER TABLE station_schema.stations DROP CONSTRAINT stations_station_code_key CASCADE")
        conn.execute("UPDATE station_schema.stations SET station_code = 'TWICE'")
    answers = by_question(data_answers(project_at(server.url(database), "test").only(["station", "redemption"])))
    assert answers["redemption", "links_stations"].reason == "failed ops.unsorted"
    assert answers["redemption", "links_employees"].count == 0


def test_the_group_of_checks_has_a_result_for_each_rule(server: Server, sample: str) -> None:
    url = server.url(sample)
    results = data_results(Operations(project_at(url, "test"), url))
    assert {result.name: result.verdict for result in results} == {
        "data_constraints": Verdict.GOOD,
        "data_totals": Verdict.GOOD,
        "data_states": Verdict.GOOD,
        "data_links": Verdict.GOOD,
    }
    assert {result.name for result in results} == set(RULES)


def test_a_service_out_of_reach_is_skipped(sample: str, server: Server) -> None:
    project = project_at(server.url(sample), "test").only(["ads"])
    away = replace(project, services=(replace(project.services[0], url=server.url("nowhere")),))
    assert {answer.reason for answer in data_answers(away)} == {"unreachable"}
    told = {result.name: (result.verdict, result.reason) for result in run_data_checks(away)}
    del told["data_links"]  # of two services
    assert told == dict.fromkeys(("data_constraints", "data_totals", "data_states"), (Verdict.SKIPPED, "unreachable"))


def test_reports_that_do_not_add_up_are_made_anew_as_the_page_says(server: Server, database: str) -> None:
    page = Path(__file__).parents[2].joinpath("docs/how-to/reconcile-services.md").read_text()
    statements = re.findall(r"^(SELECT .*?;)\s+-- as (\w+)$", page, re.MULTILINE)
    assert [role for _, role in statements] == ["redemption_owner", "ads_owner"]
    project = project_at(server.url(database), "test").only(["redemption", "ads"])
    faults = [("redemption", "totals_report_days"), ("ads", "totals_figures")]
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        for place in faults:
            conn.execute(FAULTS[place][-1].encode())
        before = by_question(data_answers(project))
        for statement, role in statements:
            conn.execute(f"SET ROLE {role}".encode())
            conn.execute(re.sub(r"'[0-9-]{10}', '[0-9-]{10}'", "current_date - 60, current_date", statement).encode())
    after = by_question(data_answers(project))
    assert [before[place].count for place in faults] == [1, 1]
    assert [after[place].count for place in faults] == [0, 0]

"""A day that went well leaves services that agree and data that add up."""

from pathlib import Path

import pytest

from gasolinera.ops import operations_schema
from gasolinera.ops.checking import Verdict
from gasolinera.ops.data_quality import data_answers, run_data_checks
from tests.ops.platform import Platform
from tests.simulation.test_day import day, environment_of
from vuelo.embedded import Server

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def test_nothing_is_found_after_a_day_of_redemptions_ads_and_a_draw(
    server: Server, database: str, tmp_path: Path
) -> None:
    platform = Platform(server, database)
    operations_schema.install(server.url(database))
    platform.settle()
    day(environment_of(server.dsn(database), tmp_path), 7)
    platform.settle()
    done = platform.compare()
    assert [(one.kind, one.explanation) for one in done.findings] == []
    assert [one.reason for one in done.compared if one.reason] == []
    assert sum(one.keys for one in done.compared) > 500
    project = platform.operations.project
    wrong = [answer for answer in data_answers(project) if answer.count != 0]
    assert [(one.service, one.question) for one in wrong] == []
    assert {one.verdict for one in run_data_checks(project)} == {Verdict.GOOD}

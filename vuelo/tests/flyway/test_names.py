"""A name that Flyway reads as a migration is read the same; one that it passes over or refuses is reported."""

from pathlib import Path

import pytest

from .conftest import Sites

pytestmark = pytest.mark.needs_java

_NAMES = [
    *("V1__a.sql", "V1__a_b__c.sql", "V1__.sql", "V1.sql", "V01_002__a.sql", "V1.0__a.sql", "V1_1.2__a.sql"),
    *("V1__a.SQL", "V1__a.Sql", "V1__ñandú.sql", "V1__a b.sql", "V1__a.b.sql", "V1__a.sql.sql", "V1___a.sql"),
    *("V0__a.sql", "V99999999999999999999__a.sql", "V1__a-b.sql", "V1__(a).sql"),
    *("R__a.sql", "R__a_b__c.sql", "R__.sql", "R___a.sql", "R__1.sql", "R__V1__a.sql"),
    *("v1__a.sql", "r__a.sql", "V1_a.sql", "V1-1__a.sql", "V1a__a.sql", "V__a.sql", "V.sql", "V1..1__a.sql"),
    *("V.1__a.sql", "V_1__a.sql", "V1_.sql", "V1.__a.sql", "R1__a.sql", "R_a.sql", "R.sql", "Ra.sql", "a.sql"),
    *("V1__a.txt", "V1__a.sql.bak", "VV1__a.sql", "V1 __a.sql", "V1\u00a0__a.sql"),
]


@pytest.mark.parametrize("name", _NAMES)
def test_a_file_name_says_the_same_to_both(new_site: Sites, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("SELECT 1;")
    site = new_site(tmp_path)
    outcome = site.flyway("info")
    plan = site.info()
    read = [
        (script.version.text if script.version else None, script.description, script.script, script.checksum)
        for script in plan.pending
    ]
    if outcome.migrations:
        assert read == [(each.version, each.description, each.script, each.checksum) for each in outcome.migrations]
    else:
        assert read == []
        assert bool(plan.problems) is name.lower().endswith(".sql")

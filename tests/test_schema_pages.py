"""docs/reference/schema has a page and a diagram a service, of what the migrations build today."""

import pytest

from tests.conftest import REPOSITORY, Connection, project_at
from vuelo.dictionary.catalogue import read
from vuelo.dictionary.pages import Format, pages
from vuelo.dictionary.words import Language
from vuelo.embedded import Server

SERVICES = ("auth", "station", "coupon", "redemption", "ads", "raffle")


@pytest.mark.parametrize("service", SERVICES)
def test_the_pages_are_what_the_migrations_build(server: Server, production: Connection, service: str) -> None:
    project = project_at(server.url(production.info.dbname), "production").only([service])
    built = pages([read(production, project.services[0], is_live=False)], Format.MARKDOWN, Language.ENGLISH)
    assert sorted(built) == [f"{service}.md", f"{service}.svg"]
    for name, text in built.items():
        kept = (REPOSITORY / "docs" / "reference" / "schema" / name).read_text()
        assert text == kept, "stale: run make docs"

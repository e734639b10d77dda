"""The dictionary of a project as files, by name: of what its migrations build, or of what its databases hold."""

from enum import StrEnum

from vuelo.dictionary.catalogue import Catalogue, read
from vuelo.dictionary.diagram import drawn
from vuelo.dictionary.markdown import markdown
from vuelo.dictionary.page import index, page
from vuelo.dictionary.words import Language, words
from vuelo.project import Project, Service
from vuelo.run import migrate, reachable, side_by_side
from vuelo.schema import scratch
from vuelo.session import Run, connected


class Format(StrEnum):
    HTML = "html"
    MARKDOWN = "markdown"


def built_catalogues(project: Project, scratch_url: str | None = None) -> list[Catalogue]:
    """From a scratch database. Raises RunFailedError, VueloError `scratch.*`, `docs.*`."""
    with scratch.opened(project, scratch_url) as opened:
        migrate(opened)
        return _catalogues(opened, is_live=False)


def live_catalogues(project: Project) -> list[Catalogue]:
    """From the databases as they are. Raises VueloError `connect.*`, `docs.*`."""
    with reachable(project) as reached:
        return _catalogues(reached, is_live=True)


def _catalogues(project: Project, *, is_live: bool) -> list[Catalogue]:
    def one(service: Service, run: Run) -> Catalogue:
        with connected(service, run, as_role=False) as conn:
            return read(conn, service, is_live=is_live)

    return list(side_by_side(project.services, Run(), one).values())


def pages(catalogues: list[Catalogue], format_: Format, language: Language) -> dict[str, str]:
    """A page and a drawing a service; for HTML an index. Equal schemas give equal bytes."""
    said = words(language)
    names = [one.service for one in catalogues]
    found: dict[str, str] = {}
    for one in catalogues:
        found[f"{one.service}.svg"] = drawn(one, f"{said['diagram_of']} {one.schema}")
        if format_ is Format.MARKDOWN:
            found[f"{one.service}.md"] = markdown(one, said)
        else:
            found[f"{one.service}.html"] = page(one, said, language, services=names)
    if format_ is Format.HTML:
        found["index.html"] = index(catalogues, said, language)
    return found

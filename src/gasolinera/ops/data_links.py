"""The links between services, which no foreign key holds: what one names by its public reference, another must know."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final

import msgspec
import psycopg

import vuelo
from gasolinera.database import load_sql
from gasolinera.errors import GasolineraError
from gasolinera.ops.reconciling_streams import merged, snapshot, streamed

_EXAMPLES: Final = 5

Connection = psycopg.Connection[Any]


class Link(msgspec.Struct, frozen=True):
    """`service` names what `other` must know."""

    service: str
    other: str
    thing: str

    @property
    def name(self) -> str:
        return f"links_{self.thing}"

    @property
    def meaning(self) -> str:
        return f"The {self.other} service does not know {self.thing} that are named here."


class Orphans(msgspec.Struct, frozen=True):
    count: int
    examples: tuple[str, ...]


class _Key(msgspec.Struct, frozen=True):
    key: str


LINKS: Final = (
    *(Link(service, "auth", "users") for service in ("station", "coupon", "redemption", "ads", "raffle")),
    *(Link(service, "station", "stations") for service in ("coupon", "redemption", "ads")),
    *(Link(service, "station", "employees") for service in ("auth", "redemption", "raffle")),
    *(Link(service, "station", "terminals") for service in ("redemption", "raffle")),
    Link("redemption", "coupon", "coupons"),
    Link("redemption", "coupon", "campaigns"),
    *(Link(service, "redemption", "redemptions") for service in ("coupon", "ads")),
    Link("raffle", "redemption", "issuances"),
    *(Link(service, "raffle", "raffles") for service in ("coupon", "redemption")),
    Link("redemption", "ads", "views"),
)
_SQL: Final[Mapping[str, Mapping[str, str]]] = {
    service: load_sql("gasolinera.ops", f"data_links_{service}.sql")
    for service in sorted({name for link in LINKS for name in (link.service, link.other)})
}


def follow_links(
    project: vuelo.Project, *, statement_timeout_s: int
) -> Generator[tuple[Link, Orphans | psycopg.Error | GasolineraError]]:
    """Every link both of whose ends are among the project's services, with what leads nowhere, or why nobody knows."""
    services = {service.name: service for service in project.services}
    for link in LINKS:
        if link.service in services and link.other in services:
            try:
                yield link, _orphans(link, services[link.service], services[link.other], statement_timeout_s)
            except (psycopg.Error, GasolineraError) as error:
                yield link, error


def _orphans(link: Link, service: vuelo.Service, other: vuelo.Service, statement_timeout_s: int) -> Orphans:
    """The side that names is looked at first: what it names then was there before, so the other side must show it."""
    with snapshot(service, statement_timeout_s=statement_timeout_s) as naming:
        named = _keys(naming, _SQL[link.service][f"named_{link.thing}"])
        with snapshot(other, statement_timeout_s=statement_timeout_s) as knowing:
            known = _keys(knowing, _SQL[link.other][f"known_{link.thing}"])
            count, examples = 0, list[str]()
            for one, found in merged(named, known):
                if found is None and one is not None:
                    count += 1
                    if len(examples) < _EXAMPLES:
                        examples.append(one.key)
    return Orphans(count, tuple(examples))


def _keys(conn: Connection, statement: str) -> Iterator[_Key]:
    return streamed(conn, "keys", _Key, statement)

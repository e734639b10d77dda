"""What is measured. Rounds of what is compared alternate, so that what else the machine does falls on all of them."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import psycopg

from bench.http import sessions, stations
from bench.http.application import CONSTANT
from bench.http.driver import DriverPlan
from bench.http.running import Measured, Served, drive_bare, get, measure, pgbench, postmaster_of, serving
from bench.http.stations import LIMIT, RADIUS_KM, Place
from gasolinera.station.queries import FIND_NEARBY
from vuelo import embedded

CONNECTIONS = 8
_ASKED = 2_000
_WARM_UP_S = 1.0
# What is made beforehand; more than is used, or the answers are refusals and the run ends.
_MOST_PER_LANE_S = 150
_MOST_SQL_PER_CLIENT_S = 1_000

# The same rows and columns, by nothing but the index: nearest on a flat map, of any distance.
_BARE = """
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
       s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices
  FROM (SELECT * FROM station_schema.stations WHERE status = 'ACTIVE'
         ORDER BY location <-> point($2, $1) LIMIT $4) AS s
  LEFT JOIN station_schema.station_price_lists AS p ON p.station_id = s.id
"""


@dataclass(frozen=True)
class Bench:
    """The server, its data, and how long everything is measured."""

    server: embedded.Server
    database: str
    environment: dict[str, str]
    folder: Path
    rounds: int
    seconds: int
    stations: int
    source: str
    towns: list[Place]

    @property
    def constant(self) -> Path:
        return self.folder / "constant.json"


@dataclass(frozen=True)
class Rounds:
    """All rounds of one measurement; a figure of them is the median."""

    rounds: Sequence[Measured]

    def of(self, figure: Callable[[Measured], float]) -> float:
        return median(figure(one) for one in self.rounds)

    @property
    def worker_us(self) -> float:
        return self.of(lambda one: one.worker_us)

    @property
    def postgres_us(self) -> float:
        return self.of(lambda one: one.postgres_us)


Found = dict[str, Rounds]


def run_all(bench: Bench) -> Found:
    """By name, which the page explains."""
    found: Found = {}
    _keep_one_answer(bench)
    for part in (_sql, _platform, _beside_constant, _observed, _sessions):
        sys.stderr.write(f"{part.__name__.strip('_')} …\n")
        found |= part(bench)
    return found


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())


def _sql(bench: Bench) -> Found:
    def run(statement: str) -> Measured:
        bound = statement.replace("$1", "(:lat)::double precision").replace("$2", "(:lng)::double precision")
        bound = bound.replace("$3", "(:radius)::double precision").replace("$4", "(:limit)::integer")
        bound = re.sub(r"\$[0-9]+", "NULL", bound)  # filters that nobody asks for
        chosen = f"\\set radius {RADIUS_KM}\n\\set limit {LIMIT}\n"
        script = stations.as_pgbench(bench.towns) + chosen + bound + ";\n"
        return pgbench(bench.server, bench.database, script, CONNECTIONS, bench.seconds)

    return _alternated(bench.rounds, {"nearest_sql": lambda: run(FIND_NEARBY), "bare_sql": lambda: run(_BARE)})


def _platform(bench: Bench) -> Found:
    """`gasolinera serve` itself, with one worker and with two."""
    works = {"one_worker": "1", "two_workers": "2"} if _has_workers() else {"one_worker": ""}
    with ExitStack() as stack:
        works_of = {
            name: _nearest(bench, stack.enter_context(_platform_server(bench, workers)))
            for name, workers in works.items()
        }
        return _alternated(bench.rounds, works_of)


def _beside_constant(bench: Bench) -> Found:
    asked = [stations.asked(bench.towns, _ASKED // CONNECTIONS, seed) for seed in range(CONNECTIONS)]
    plan = DriverPlan(bench.environment["GASOLINERA_STATION_DATABASE_URL"], bench.seconds, asked)
    _keep_one_answer(bench)
    with _application(bench) as served:
        lanes = [[get(CONSTANT)]] * CONNECTIONS
        constant = _warmed(lambda seconds: measure(served, postmaster_of(bench.server), lanes, seconds), bench)
        return _alternated(
            bench.rounds,
            {
                "nearest": _nearest(bench, served),
                "constant": constant,
                "driver": lambda: drive_bare(bench.server, plan),
            },
        )


def _observed(bench: Bench) -> Found:
    """In slices of a second, as the machine's own ups and downs are larger than what is looked for."""
    _keep_one_answer(bench)
    short = replace(bench, seconds=1)
    with _application(bench) as observed, _application(bench, "--unobserved") as unobserved:
        works = {"observed": _nearest(short, observed), "unobserved": _nearest(short, unobserved)}
        return _alternated(bench.rounds * bench.seconds, works)


def _sessions(bench: Bench) -> Found:
    """Each request uses up what it shows, so each round gets its own, made before it."""
    url = bench.server.url(bench.database)
    per_lane = bench.seconds * _MOST_PER_LANE_S

    def lanes_of(requests: list[str]) -> list[list[str]]:
        return [requests[at::CONNECTIONS] for at in range(CONNECTIONS)]

    with _platform_server(bench, "") as served:

        def refresh() -> Measured:
            numbers = sessions.refresh_tokens(url, per_lane * CONNECTIONS)
            lanes = lanes_of([sessions.refresh_request(number) for number in numbers])
            return measure(served, postmaster_of(bench.server), lanes, bench.seconds)

        def verify() -> Measured:
            lanes = lanes_of(sessions.codes(url, per_lane * CONNECTIONS, bench.environment))
            return measure(served, postmaster_of(bench.server), lanes, bench.seconds)

        def refresh_sql() -> Measured:
            each = bench.seconds * _MOST_SQL_PER_CLIENT_S
            first = sessions.refresh_tokens(url, each * CONNECTIONS)[0] - 1
            known = ["-D", "n=0", "-D", f"first={first}", "-D", f"each={each}"]
            return pgbench(bench.server, bench.database, sessions.REFRESH_SQL, CONNECTIONS, bench.seconds, known)

        works = {"refresh": refresh, "verify": verify, "refresh_sql": refresh_sql}
        return _alternated(bench.rounds, works)


def _alternated(rounds: int, works: dict[str, Callable[[], Measured]]) -> Found:
    measured: dict[str, list[Measured]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            measured[name].append(work())
    return {name: Rounds(each) for name, each in measured.items()}


def _nearest(bench: Bench, served: Served) -> Callable[[], Measured]:
    lanes = [
        [
            get(
                f"/api/stations/nearby?lat={lat:.6f}&lng={lng:.6f}&radius_km={RADIUS_KM}&limit={LIMIT}",
                driver=seed * _ASKED + number,
            )
            for number, (lat, lng) in enumerate(stations.asked(bench.towns, _ASKED // CONNECTIONS, seed))
        ]
        for seed in range(CONNECTIONS)
    ]
    return _warmed(lambda seconds: measure(served, postmaster_of(bench.server), lanes, seconds), bench)


def _warmed(work: Callable[[float], Measured], bench: Bench) -> Callable[[], Measured]:
    work(_WARM_UP_S)
    return lambda: work(bench.seconds)


def _platform_server(
    bench: Bench, workers: str, more: Mapping[str, str] | None = None
) -> AbstractContextManager[Served]:
    options = ["--workers", workers] if workers else []
    environment = bench.environment | dict(more or {})
    return serving(["gasolinera", "serve", *options], environment, bench.folder / "serve.log")


def _application(bench: Bench, *options: str) -> AbstractContextManager[Served]:
    command = ["python", "-m", "bench.http.application", "--constant", str(bench.constant), *options]
    return serving(command, bench.environment, bench.folder / "application.log")


def _keep_one_answer(bench: Bench) -> None:
    """What the constant route answers: as many stations as are asked for, near one of them."""
    latitude, longitude = bench.towns[0]
    query = f"lat={latitude:.6f}&lng={longitude:.6f}&radius_km=500&limit={LIMIT}"
    with _platform_server(bench, "") as served:
        address = f"http://127.0.0.1:{served.port}/api/stations/nearby?{query}"
        with urlopen(address) as answer:
            bench.constant.write_bytes(answer.read())


def _has_workers() -> bool:
    program = Path(sys.executable).parent / "gasolinera"
    said = subprocess.run([program, "serve", "--help"], capture_output=True, text=True, check=True)
    return "--workers" in said.stdout

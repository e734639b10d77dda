"""The regulator's feed over HTTP: from a real server, within limits, and by the job that asks it each day."""

import asyncio
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gasolinera.config import Settings, load_settings
from gasolinera.database import open_database
from gasolinera.errors import ConfigError, InputError
from gasolinera.station.fetching import fetched
from gasolinera.station.jobs import JOBS
from tests.station.feeds import GOOD, GOOD_PRICES, places_xml, prices_xml

IMPORT = next(job for job in JOBS if job.name == "station.import_feed")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/places")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            if self.path == "/dripping":
                for _ in range(100):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.1)
            else:
                xml = places_xml(GOOD) if self.path == "/places" else prices_xml(GOOD_PRICES)
                self.wfile.write(xml.encode())
        except OSError:
            pass  # the client has had enough

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that the class gives it
        pass


@pytest.fixture
def regulator() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_comes_over_redirections_and_what_is_no_address_is_a_file(regulator: str, tmp_path: Path) -> None:
    got = asyncio.run(fetched(f"{regulator}/moved", tmp_path / "places"))
    assert got.read_text(encoding="utf-8") == places_xml(GOOD)
    assert asyncio.run(fetched(str(got), tmp_path / "other")) == got


@pytest.mark.parametrize(
    ("path", "code"),
    [("/missing", "feed.unreachable"), ("/places", "feed.too_large"), ("/dripping", "feed.unreachable")],
)
def test_what_is_missing_too_large_or_too_slow_is_refused(path: str, code: str, regulator: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(InputError) as refused:
        asyncio.run(fetched(regulator + path, tmp_path / "file", max_bytes=100, limit_s=0.5))
    assert refused.value.code == code
    assert time.monotonic() - began < 5


def test_the_job_imports_from_the_addresses_of_the_settings(regulator: str, settings: Settings) -> None:
    named = settings.model_copy(
        update={"feed_places_url": f"{regulator}/places", "feed_prices_url": f"{regulator}/prices"}
    )

    async def run() -> str:
        async with open_database(named, "station") as db:
            return await IMPORT.run(db, IMPORT.defaults_of(named))

    assert asyncio.run(run()).startswith(f"{len(GOOD)} places read: {len(GOOD)} new")
    assert IMPORT.is_scheduled(named)


def test_without_addresses_the_job_is_not_scheduled_and_fails_when_asked_for(settings: Settings) -> None:
    async def run() -> str:
        async with open_database(settings, "station") as db:
            return await IMPORT.run(db, IMPORT.defaults_of(settings))

    assert not IMPORT.is_scheduled(settings)
    with pytest.raises(InputError) as refused:
        asyncio.run(run())
    assert refused.value.code == "feed.no_source"


def test_the_addresses_are_named_together() -> None:
    with pytest.raises(ConfigError, match="together"):
        load_settings({"GASOLINERA_FEED_PLACES_URL": "https://example.org/places"})

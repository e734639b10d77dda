"""A receiver of webhooks on this machine, which keeps what it got and answers what a test wants."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import msgspec


class Got(msgspec.Struct, frozen=True):
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body, type=dict[str, Any])

    @property
    def notices(self) -> list[tuple[str, str]]:
        """Check and kind of each."""
        return [(one["labels"]["alertname"], one["notice"]) for one in self.json["alerts"]]


class Listening:
    """`answers`: statuses for the next requests; 200 when there are no more. `slow_s`: before each answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[Got] = []
        self.answers: list[int] = []
        self.slow_s = 0.0
        self.lock = Lock()

    @property
    def notices(self) -> list[tuple[str, str]]:
        return [notice for got in self.got for notice in got.notices]


@contextmanager
def listening() -> Generator[Listening]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with heard.lock:
                heard.got.append(Got({name.lower(): value for name, value in self.headers.items()}, body))
                status = heard.answers.pop(0) if heard.answers else 200
            time.sleep(heard.slow_s)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard = Listening(f"http://127.0.0.1:{server.server_port}/alerts?token=of-the-address")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()

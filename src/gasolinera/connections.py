"""What one connection may cost: a request's head comes soon and is short, and there are only so many connections."""

from asyncio import Transport
from asyncio.events import TimerHandle
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WITHIN_S = 10.0
MAX_HEAD_BYTES = 65_536
MAX_CONNECTIONS = 800  # of a process; below the 1,024 files that most systems let one open


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's, which itself waits for ever, and for any length, until the head of a request is whole."""

    head_within_s: ClassVar[float] = HEAD_WITHIN_S
    max_connections: ClassVar[int] = MAX_CONNECTIONS
    _head_timer: TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
        else:
            self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_waiting = self._waits_for_head()
        super().data_received(data)
        if not self._waits_for_head():
            return
        self._watch_head()
        self._head_bytes += len(data) if was_waiting else 0
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        self._forget_head()
        super().on_headers_complete()

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]

    def _watch_head(self) -> None:
        """From the connection or the first byte on, and not anew with every byte. Between requests uvicorn waits."""
        if self._head_timer is None and self.timeout_keep_alive_task is None:
            self._head_timer = self.loop.call_later(self.head_within_s, self.transport.abort)

    def _forget_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

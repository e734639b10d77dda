"""A way to the site that can be shut: what a browser calls being offline spares a worker that was started anew."""

import socket
from contextlib import suppress
from threading import Lock, Thread
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext

_LOOPBACK = "127.0.0.1"


class Door:
    """Forwards bytes between a port of its own and the site, while it is open; shut, it keeps its port."""

    def __init__(self, site: str) -> None:
        behind = urlsplit(site)
        assert behind.hostname is not None
        assert behind.port is not None
        self._behind = (behind.hostname, behind.port)
        self._keeper = _bound(0)  # never listens: so that nobody is given the port while the door is shut
        self._port: int = self._keeper.getsockname()[1]
        self._lock = Lock()
        self._listener: socket.socket | None = None
        self._live: set[socket.socket] = set()
        self.open()

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self._port}"

    def open(self) -> None:
        if self._listener is not None:
            return
        listener = _bound(self._port)
        listener.listen()
        self._listener = listener
        Thread(target=self._let_in, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """From here on nobody gets in, and whoever was in is out."""
        with self._lock:
            listener, self._listener = self._listener, None
            live = tuple(self._live)
        if listener is not None:
            _end(listener)
            listener.close()
        for one in live:
            _end(one)

    def remove(self) -> None:
        self.close()
        self._keeper.close()

    def _let_in(self, listener: socket.socket) -> None:
        while True:
            try:
                guest, _ = listener.accept()
            except OSError:
                return  # the door was shut
            with self._lock:
                is_open = self._listener is listener
            host = self._reached() if is_open else None
            if host is None or not self._pair(listener, guest, host):
                guest.close()
                if host is not None:
                    host.close()

    def _reached(self) -> socket.socket | None:
        with suppress(OSError):
            return socket.create_connection(self._behind)
        return None

    def _pair(self, listener: socket.socket, guest: socket.socket, host: socket.socket) -> bool:
        """False: it was shut meanwhile."""
        with self._lock:
            if self._listener is not listener:
                return False
            self._live |= {guest, host}
        ways = [Thread(target=_pass_on, args=way, daemon=True) for way in ((guest, host), (host, guest))]
        Thread(target=self._see_out, args=(ways, guest, host), daemon=True).start()
        return True

    def _see_out(self, ways: list[Thread], guest: socket.socket, host: socket.socket) -> None:
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        with self._lock:
            self._live -= {guest, host}
        guest.close()
        host.close()


def go_offline(context: BrowserContext, door: Door) -> None:
    """Both: the door for whoever asks, the browser's setting for `navigator.onLine` and its events."""
    door.close()
    context.set_offline(True)


def go_online(context: BrowserContext, door: Door) -> None:
    """In this order, for pages ask at once when they are told."""
    door.open()
    context.set_offline(False)


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # the listener beside the keeper
    one.bind((_LOOPBACK, port))
    return one


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    _end(source)
    _end(target)


def _end(one: socket.socket) -> None:
    """Wakes whoever waits for it, in other threads too; what was sent still arrives."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)

"""A beacon of our own for tests and the demo. Whoever knows its seed knows its rounds beforehand: no draw of worth.

Its key comes from a seed that this file names, so its bundles are recognised anywhere as what they are.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from hashlib import sha256, sha512
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec

from gasolinera.raffle import beacon_bls
from gasolinera.raffle.beacon import Chain, Round, computed_hash, info_of, message_of, round_at

SEED: Final = b"gasolinera-test-beacon-1"
ID: Final = "gasolinera-test"
GENESIS_TIME: Final = 1735689600  # 2025-01-01
PERIOD_S: Final = 1
_TOO_EARLY: Final = 425  # what drand says of a round that is not there yet


class LocalBeacon(msgspec.Struct, frozen=True):
    """A chain, and the secret that signs it."""

    chain: Chain
    secret: int


class _Answer(msgspec.Struct, frozen=True):
    round: int
    randomness: str
    signature: str


@cache
def local_beacon(
    seed: bytes = SEED, *, genesis_time: int = GENESIS_TIME, period_s: int = PERIOD_S, name: str = ID
) -> LocalBeacon:
    """The test beacon that everybody knows; another seed makes another one."""
    secret = int.from_bytes(sha512(b"gasolinera-test-beacon-key\0" + seed).digest(), "big") % beacon_bls.ORDER
    unhashed = Chain(
        id=name,
        chain_hash="",
        group_hash=sha256(seed).hexdigest(),
        public_key=beacon_bls.public_key(secret).hex(),
        genesis_time=genesis_time,
        period_s=period_s,
    )
    return LocalBeacon(msgspec.structs.replace(unhashed, chain_hash=computed_hash(unhashed)), secret)


def sign_round(beacon: LocalBeacon, number: int) -> Round:
    """Any round at all, in 10 ms: tests choose freely."""
    signature = beacon_bls.sign(beacon.secret, message_of(number))
    return Round(number, signature, sha256(signature).digest())


def serve_rounds(beacon: LocalBeacon, port: int, clock: Callable[[], datetime]) -> ThreadingHTTPServer:
    """A server on this host alone that answers as drand's relays do; never with a round that is still to come.

    The caller runs `serve_forever` and `server_close`. Port 0: any free one.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = _answer(beacon, self.path, clock())
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            """Nobody needs to know."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def _answer(beacon: LocalBeacon, path: str, now: datetime) -> tuple[int, bytes]:
    match path.split("/"):
        case ["", chain_hash, "info"] if chain_hash == beacon.chain.chain_hash:
            return 200, info_of(beacon.chain)
        case ["", chain_hash, "public", number] if chain_hash == beacon.chain.chain_hash and _is_number(number):
            if round_at(beacon.chain, int(number)) > now:
                return _TOO_EARLY, b"{}"
            made = sign_round(beacon, int(number))
            return 200, msgspec.json.encode(_Answer(made.round, made.randomness.hex(), made.signature.hex()))
        case _:
            return 404, b"{}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12 and not text.startswith("0")

"""Until when the server's certificate holds: read as any client would be shown it."""

import socket
import ssl
import struct
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from cryptography import x509

from gasolinera.ops.checking import CheckResult, Rule, Threshold, judge, skipped

Connection = psycopg.Connection[Any]

_ASKS_FOR_TLS: Final = struct.pack("!II", 8, 80877103)  # SSLRequest of PostgreSQL's protocol
_AGREES: Final = b"S"
_TIMEOUT_S: Final = 3.0
_LOOPBACK: Final = "127.0.0.1"


def certificate_result(conn: Connection, rule: Rule, limits: Sequence[Threshold]) -> CheckResult:
    """In days from now. Skipped where the server speaks no TLS, or listens to a socket alone."""
    address = _LOOPBACK if conn.info.host.startswith("/") else conn.info.hostaddr
    with suppress(OSError):  # TLS errors are such, too
        shown = _shown(address, conn.info.port)
        if shown is not None:
            certificate = x509.load_der_x509_certificate(shown)
            left = certificate.not_valid_after_utc - datetime.now(UTC)
            return judge(rule, [(certificate.subject.rfc4514_string(), left.total_seconds() / 86_400, None)], limits)
    return skipped(rule, "no_tls")


def _shown(address: str, port: int) -> bytes | None:
    """The certificate as it is sent. Nothing is told to the server, so that nobody has to be believed."""
    with socket.create_connection((address, port), timeout=_TIMEOUT_S) as plain:
        plain.sendall(_ASKS_FOR_TLS)
        if plain.recv(1) != _AGREES:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(plain) as encrypted:
            return encrypted.getpeercert(binary_form=True)

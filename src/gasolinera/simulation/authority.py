"""A time-stamping authority of our own (RFC 3161), for the simulated day. Nobody else trusts it, and nobody should.

Its keys live as long as it does, its certificate a day. It writes no more DER and CMS (RFC 5652) than a token takes.
"""

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gasolinera.errors import InputError

_MAX_QUESTION: Final = 4096
_SEQUENCE, _SET, _INTEGER, _BYTES, _OID, _TIME = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18
_CONTENT, _CERTIFICATES = 0xA0, 0xA0
_LONG: Final = 0x80


class Authority(msgspec.Struct, frozen=True):
    """Its certificate is signed by its root directly."""

    root: x509.Certificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(Encoding.PEM)


def make_authority(now: datetime) -> Authority:
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Gasolinera JSM simulation {what} {secrets.token_hex(4)}")])
        for what in ("root", "time-stamping")
    )
    root = (
        _certificate(root_name, root_name, root_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
    )
    issued = (
        _certificate(name, root_name, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    return Authority(root.sign(root_key, hashes.SHA256()), issued.sign(root_key, hashes.SHA256()), key)


def answer(authority: Authority, question: bytes, now: datetime) -> bytes:
    """The response to a query over a SHA-256. Raises InputError for anything else."""
    imprint, nonce = _read_question(question)
    stamped = _der(
        _SEQUENCE,
        _int(1),
        _oid("1.3.6.1.4.1.99999.1"),  # a policy that nobody has written
        imprint,
        _int(secrets.randbits(63)),
        _der(_TIME, now.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()),
        nonce,
    )
    signed_data = _der(
        _SEQUENCE,
        _int(3),
        _der(_SET, _SHA256),
        _der(_SEQUENCE, _oid(_STAMP), _der(_CONTENT, _der(_BYTES, stamped))),
        _der(_CERTIFICATES, authority.certificate.public_bytes(Encoding.DER)),
        _der(_SET, _signer(authority, stamped)),
    )
    token = _der(_SEQUENCE, _oid("1.2.840.113549.1.7.2"), _der(_CONTENT, signed_data))
    return _der(_SEQUENCE, _der(_SEQUENCE, _int(0)), token)


@contextmanager
def served(authority: Authority, clock: Callable[[], datetime]) -> Generator[str]:
    """On this host alone, while the block runs; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = min(int(self.headers.get("content-length", "0")), _MAX_QUESTION)
            try:
                status, body = 200, answer(authority, self.rfile.read(size), clock())
            except InputError:
                status, body = 400, b""
            self.send_response(status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            """Nobody needs to know."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            serving.join()


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signer(authority: Authority, stamped: bytes) -> bytes:
    """Over the attributes, which name what is signed and with which certificate (RFC 5816)."""
    certificate = authority.certificate
    named = _der(_SEQUENCE, _der(_BYTES, sha256(certificate.public_bytes(Encoding.DER)).digest()))
    attributes = sorted(
        _der(_SEQUENCE, _oid(kind), _der(_SET, value))
        for kind, value in (
            ("1.2.840.113549.1.9.3", _oid(_STAMP)),
            ("1.2.840.113549.1.9.4", _der(_BYTES, sha256(stamped).digest())),
            ("1.2.840.113549.1.9.16.2.47", _der(_SEQUENCE, _der(_SEQUENCE, named))),
        )
    )
    signature = authority.key.sign(_der(_SET, *attributes), ec.ECDSA(hashes.SHA256()))
    return _der(
        _SEQUENCE,
        _int(1),
        _der(_SEQUENCE, certificate.issuer.public_bytes(), _int(certificate.serial_number)),
        _SHA256,
        _der(0xA0, *attributes),
        _der(_SEQUENCE, _oid("1.2.840.10045.4.3.2")),
        _der(_BYTES, signature),
    )


def _read_question(question: bytes) -> tuple[bytes, bytes]:
    """What is to be stamped and the nonce (empty where there is none), as they came."""
    try:
        fields = _parts(_parts(question)[0][1])
        imprint = next(whole for tag, _, whole in fields if tag == _SEQUENCE)
        algorithm, hashed = _parts(_parts(imprint)[0][1])
        nonce = next((whole for tag, _, whole in fields[1:] if tag == _INTEGER), b"")
    except (StopIteration, IndexError, ValueError):
        raise InputError("timestamps.question", "this is no question to a time-stamping authority") from None
    if _oid("2.16.840.1.101.3.4.2.1") not in algorithm[2] or len(hashed[1]) != sha256().digest_size:
        raise InputError("timestamps.question", "only a SHA-256 is stamped here")
    return imprint, nonce


def _parts(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Tag, content and the whole of each value, one after the other. Raises IndexError for what is cut off."""
    found: list[tuple[int, bytes, bytes]] = []
    at = 0
    while at < len(data):
        size, head = data[at + 1], 2
        if size & _LONG:
            count = size & ~_LONG
            size, head = int.from_bytes(data[at + 2 : at + 2 + count], "big"), 2 + count
        end = at + head + size
        if end > len(data):
            raise IndexError
        found.append((data[at], data[at + head : end], data[at:end]))
        at = end
    return found


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < _LONG:
        return bytes((tag, len(content))) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(size))) + size + content


def _int(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _oid(text: str) -> bytes:
    return _der(_OID, _oid_bytes(text))


def _oid_bytes(text: str) -> bytes:
    first, second, *rest = (int(part) for part in text.split("."))
    content = bytes((40 * first + second,))
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | _LONG)
        content += bytes(reversed(groups))
    return content


_STAMP: Final = "1.2.840.113549.1.9.16.1.4"
_SHA256: Final = _der(_SEQUENCE, _oid("2.16.840.1.101.3.4.2.1"))

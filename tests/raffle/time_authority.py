"""A time-stamping authority (RFC 3161) of the test's own: its certificates, and tokens with any time in them.

Written as DER by hand: what makes the tokens shares nothing with what reads them.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SHA256_OID = "2.16.840.1.101.3.4.2.1"
RSA_SHA256_OID = "1.2.840.113549.1.1.11"
SIGNED_DATA_OID = "1.2.840.113549.1.7.2"
TST_INFO_OID = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE_OID = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST_OID = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE_OID = "1.2.840.113549.1.9.16.2.47"
POLICY_OID = "1.3.6.1.4.1.55555.1"


class Authority(msgspec.Struct, frozen=True):
    """`root` is what users trust; `certificate` signs tokens with `key`."""

    root: x509.Certificate
    certificate: x509.Certificate
    key: RSAPrivateKey
    intermediate: x509.Certificate | None = None


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(number: int) -> bytes:
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = bytes([first * 40 + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        content += bytes(reversed(digits))
    return der(0x06, content)


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def attribute(name: str, value: bytes) -> bytes:
    return sequence(oid(name), der(0x31, value))


@cache
def authority(
    name: str = "Autoridad de prueba", *, can_stamp: bool = True, can_sign: bool = False, number: int = 1
) -> Authority:
    """Another number: another authority, of the same name."""
    root_key, key = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} raíz")])
    begins = datetime(2020, 1, 1, tzinfo=UTC)

    def builder(subject: x509.Name, holder: RSAPrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(holder.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=365 * 20))
        )

    authority_bits = x509.BasicConstraints(ca=True, path_length=None)
    root = builder(root_name, root_key).add_extension(authority_bits, critical=True).sign(root_key, SHA256())
    usage = ExtendedKeyUsageOID.TIME_STAMPING if can_stamp else ExtendedKeyUsageOID.CODE_SIGNING
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    leaf = builder(subject, key).add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    if can_sign:
        leaf = builder(subject, key).add_extension(authority_bits, critical=True)
    return Authority(root, leaf.sign(root_key, SHA256()), key)


@cache
def authority_below() -> Authority:
    """One whose tokens hold its own certificate alone: an intermediate one stands between it and the root."""
    above = authority("Autoridad intermedia", can_sign=True)
    key = generate_private_key(65537, 2048)
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sellos")]))
        .issuer_name(above.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365 * 20))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(above.key, SHA256())
    )
    return Authority(above.root, leaf, key, above.certificate)


def token(hashed: bytes, when: datetime, by: Authority | None = None) -> bytes:
    """Says that `by` has seen the SHA-256 at that time."""
    by = by or authority()
    algorithm = sequence(oid(SHA256_OID), b"\x05\x00")
    info = sequence(
        integer(1),
        oid(POLICY_OID),
        sequence(algorithm, der(0x04, hashed)),
        integer(77),
        der(0x18, when.strftime("%Y%m%d%H%M%SZ").encode()),
    )
    certificate = by.certificate.public_bytes(Encoding.DER)
    attributes = sorted(
        (
            attribute(CONTENT_TYPE_OID, oid(TST_INFO_OID)),
            attribute(MESSAGE_DIGEST_OID, der(0x04, sha256(info).digest())),
            attribute(SIGNING_CERTIFICATE_OID, sequence(sequence(sequence(der(0x04, sha256(certificate).digest()))))),
        )
    )
    signature = by.key.sign(der(0x31, *attributes), padding.PKCS1v15(), SHA256())
    signer = sequence(
        integer(1),
        sequence(by.certificate.issuer.public_bytes(), integer(by.certificate.serial_number)),
        algorithm,
        der(0xA0, *attributes),
        sequence(oid(RSA_SHA256_OID), b"\x05\x00"),
        der(0x04, signature),
    )
    signed_data = sequence(
        integer(3),
        der(0x31, algorithm),
        sequence(oid(TST_INFO_OID), der(0xA0, der(0x04, info))),
        der(0xA0, certificate),
        der(0x31, signer),
    )
    return sequence(oid(SIGNED_DATA_OID), der(0xA0, signed_data))

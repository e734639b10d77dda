"""Public randomness: what a chain of drand is, when its rounds come, and whether a round is genuine.

Pure: a round is believed for its signature, wherever it was found. docs/reference/draw-format.md has the formulas.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from gasolinera.errors import ConfigError

try:
    import drand_verify  # pyright: ignore[reportMissingTypeStubs]  it has none
except ImportError:  # nor a wheel for some systems
    drand_verify = None

SCHEME: Final = "bls-unchained-g1-rfc9380"
DST: Final = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
SIGNATURE_BYTES: Final = 48
PUBLIC_KEY_BYTES: Final = 96
MAX_ROUND: Final = 2**53 - 1  # what canonical JSON can say
_MAX_FILE_BYTES: Final = 16 * 1024
_HEXADECIMAL: Final = re.compile(r"(?:[0-9a-f]{2})*")
_AT_INFINITY: Final = 0x40  # the second bit of a compressed point: under such a key anything is signed


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A chain of rounds, as a manifest names it. Binary values are lower-case hexadecimal. Rounds are verified under
    one of `checked_chain`, `chain_from_file` or `known_chain` alone: its hash is its own, and its key is one.
    """

    scheme: str = SCHEME
    id: str
    chain_hash: str
    group_hash: str
    public_key: str
    genesis_time: int  # seconds since 1970 of round 1
    period_s: int


class Round(msgspec.Struct, frozen=True):
    """A round whose signature is good. `randomness` is SHA-256 of the signature."""

    round: int
    signature: bytes
    randomness: bytes


class _Metadata(msgspec.Struct, frozen=True):
    beacon_id: str = msgspec.field(name="beaconID")


class _Info(msgspec.Struct, frozen=True):
    """What a drand node says at /info."""

    public_key: str
    period: int
    genesis_time: int
    hash: str
    group_hash: str = msgspec.field(name="groupHash")
    scheme: str = msgspec.field(name="schemeID")
    metadata: _Metadata


QUICKNET: Final = Chain(
    id="quicknet",
    chain_hash="52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    group_hash="f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
    public_key="83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1f"
    "ec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    genesis_time=1692803367,
    period_s=3,
)

# Ours, for tests and the demo: `beacon_local` has the seed of its key, so anybody can know its rounds beforehand.
TEST: Final = Chain(
    id="gasolinera-test",
    chain_hash="9a177d0d6480baa317ed7e20e722f0ffa96c18a2af5ad09f9f2f983ded3f9aee",
    group_hash="701cdd59543d735db6c6d8951f4fd3561659cfd9d1c91874ef538c4f3160752d",
    public_key="9380581759ef251cc747990c3754627197dff69e6bddd5d62a6475d1ec18626ae6441c1956b481f8122d8ddcb61ed3ea0ae7619d"
    "9f1e3868c4326ded321dd329ba18ddc9fa577b150474db057ee44eb282db7376502d05adb446d30f43b53c51",
    genesis_time=1735689600,
    period_s=1,
)

_natively: Callable[[int, str, str], str] | None = getattr(drand_verify, "verify_bls_unchained_g1_rfc9380", None)


def is_test_chain(chain: Chain) -> bool:
    """Whoever signs with its key, or takes its name, draws nothing of worth."""
    return chain.public_key == TEST.public_key or chain.id == TEST.id


def computed_hash(chain: Chain) -> str:
    """What `chain_hash` must be."""
    data = (
        chain.period_s.to_bytes(4, "big")
        + chain.genesis_time.to_bytes(8, "big")
        + bytes.fromhex(chain.public_key)
        + bytes.fromhex(chain.group_hash)
    )
    return sha256(data if chain.id == "default" else data + chain.id.encode()).hexdigest()


def checked_chain(chain: Chain) -> Chain:
    """The chain itself. Raises ConfigError `beacon.chain` when it cannot be, or its hash is not its own."""
    key, group = chain.public_key, chain.group_hash
    if chain.scheme != SCHEME:
        raise _no_chain(f"its scheme is not {SCHEME}")
    if not (_is_hexadecimal(key, PUBLIC_KEY_BYTES) and _is_hexadecimal(group, 32)):
        raise _no_chain("its key or its group hash is not in lower-case hexadecimal")
    if not _is_point(key):
        raise _no_chain("its key is no key")
    if not (0 < chain.period_s < 2**32 and 0 < chain.genesis_time < MAX_ROUND and 0 < len(chain.id) <= 64):
        raise _no_chain("its period, its beginning or its name is out of range")
    if chain.chain_hash != computed_hash(chain):
        raise _no_chain("its hash does not belong to its key, period and beginning")
    return chain


def chain_from_file(path: Path) -> Chain:
    """From the JSON that drand's nodes give at /{chain hash}/info. Raises ConfigError `beacon.chain`."""
    try:
        with path.open("rb") as file:
            info = msgspec.json.decode(file.read(_MAX_FILE_BYTES), type=_Info)
    except OSError as error:
        raise _no_chain(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _no_chain(f"{path} does not say what a drand node says of its chain") from None
    return checked_chain(
        Chain(
            scheme=info.scheme,
            id=info.metadata.beacon_id,
            chain_hash=info.hash,
            group_hash=info.group_hash,
            public_key=info.public_key,
            genesis_time=info.genesis_time,
            period_s=info.period,
        )
    )


def info_of(chain: Chain) -> bytes:
    """What `chain_from_file` reads."""
    info = _Info(
        public_key=chain.public_key,
        period=chain.period_s,
        genesis_time=chain.genesis_time,
        hash=chain.chain_hash,
        group_hash=chain.group_hash,
        scheme=chain.scheme,
        metadata=_Metadata(chain.id),
    )
    return msgspec.json.encode(info)


def known_chain(name: str) -> Chain:
    """`quicknet`, `test`, or a file of drand's chain information. Raises ConfigError `beacon.chain`."""
    known = {"quicknet": QUICKNET, "test": TEST}
    return known[name] if name in known else chain_from_file(Path(name))


def round_at(chain: Chain, number: int) -> datetime:
    """When a round comes."""
    return datetime.fromtimestamp(chain.genesis_time + chain.period_s * (number - 1), UTC)


def first_round_at_or_after(chain: Chain, moment: datetime) -> int:
    """The number of the first round that is not before the moment."""
    since = moment - datetime.fromtimestamp(chain.genesis_time, UTC)
    return max(1, -(-since // timedelta(seconds=chain.period_s)) + 1)


def verify_round(chain: Chain, number: int, signature: bytes) -> Round | None:
    """The round, when the chain's key has signed it; else None. 5 ms, and 1 s where drand-verify is missing."""
    if len(signature) != SIGNATURE_BYTES or signature[0] & _AT_INFINITY or not 0 < number <= MAX_ROUND:
        return None
    if not (verify_in_python if _natively is None else _native)(chain, number, signature):
        return None
    return Round(number, signature, sha256(signature).digest())


def message_of(number: int) -> bytes:
    """What the chain signs for a round."""
    return sha256(number.to_bytes(8, "big")).digest()


def _is_point(key: str) -> bool:
    """Of the right group: the native library breaks down under what is none, instead of refusing it."""
    if key in (QUICKNET.public_key, TEST.public_key):
        return True
    from gasolinera.raffle import beacon_bls  # noqa: PLC0415  as above

    return beacon_bls.is_public_key(bytes.fromhex(key))


def _native(chain: Chain, number: int, signature: bytes) -> bool:
    assert _natively is not None
    try:
        _natively(number, signature.hex(), chain.public_key)
    except ValueError:
        return False
    return True


def verify_in_python(chain: Chain, number: int, signature: bytes) -> bool:
    """Without drand-verify: slower, by another author, the same answer."""
    from gasolinera.raffle import beacon_bls  # noqa: PLC0415  its import takes longer than all of the command line

    return beacon_bls.verify(bytes.fromhex(chain.public_key), message_of(number), signature)


def _is_hexadecimal(text: str, size: int) -> bool:
    return len(text) == 2 * size and _HEXADECIMAL.fullmatch(text) is not None


def _no_chain(why: str) -> ConfigError:
    return ConfigError("beacon.chain", f"this is no chain of a beacon: {why}", "take what its nodes give at /info")

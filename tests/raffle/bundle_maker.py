"""Bundles of draws, written from docs/reference/draw-format.md alone: nothing of the platform makes them.

Slow and plain on purpose: the tree is the recursive definition of RFC 9162, the list is searched from its beginning.
"""

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gasolinera.raffle.beacon_local import LocalBeacon, local_beacon, sign_round

Json = dict[str, Any]
SOURCES = {"COUPON_REDEMPTION": 1, "AD_ENGAGEMENT": 2, "PROMOTIONAL": 3, "BONUS": 4, "FREE_ENTRY": 5}
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FROZEN_AT = 1_780_000_000  # seconds since 1970; the round is twice the gap later
GAP_S = 60


class Entry(msgspec.Struct, frozen=True):
    """`owner` is a number of the test's own."""

    owner: int
    tickets: int = 1
    source: str = "COUPON_REDEMPTION"


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """What a test wants to have drawn. `timestamp` makes a token over a hash."""

    entries: tuple[Entry, ...]
    prizes: tuple[int, ...] = (1,)  # how many of each rank
    alternates: int = 0
    algorithm: str = "MERKLE_TREE"
    weights: dict[str, int] | None = None
    one_prize_per_owner: bool = True
    number: int = 1
    previous: Json | None = None
    witnesses: int = 0
    signing: int = 0
    quorum: int = 1
    required: bool | None = None
    signed_at: int = FROZEN_AT + 1
    timestamp: Callable[[bytes], bytes] | None = None
    name: str = 'Sorteo de la \u00f1 \u2028 "€" \\ \x1f\n😀'
    beacon: LocalBeacon | None = None
    signature: bytes | None = None  # of the round, where it is a real one
    round: int | None = None
    seed: int = 1
    gap_s: int = GAP_S
    two_chances: bool = False  # RANDOM: every entry of a person counts
    change: Callable[[Json], object] | None = None  # what a dishonest operator does to the manifest before he signs


class Made(msgspec.Struct, frozen=True):
    """`leaves`: the whole list. `receipts` by the order of the entries that were asked for."""

    bundle: Json
    leaves: bytes
    receipts: tuple[Json, ...]

    @property
    def data(self) -> bytes:
        return canonical(self.bundle)

    @property
    def manifest_sha256(self) -> bytes:
        return sha256(canonical(self.bundle["manifest"]))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()))


def public_half(name: str) -> str:
    return key_of(name).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def signed(name: str, document: Json) -> str:
    return key_of(name).sign(document["format"].encode() + b"\0" + canonical(document)).hex()


def sealed(bundle: Json) -> Json:
    """With the operator's seal over everything else."""
    contents = {name: value for name, value in bundle.items() if name != "seal"}
    return contents | {"seal": signed("operator", contents)}


def time_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0])
    k = split(len(leaves))
    return sha256(b"\1" + tree_hash(leaves[:k]) + tree_hash(leaves[k:]))


def tree_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*tree_path(index, leaves[:k]), tree_hash(leaves[k:])]
    return [*tree_path(index - k, leaves[k:]), tree_hash(leaves[:k])]


def split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


class Line(msgspec.Struct, frozen=True):
    """An entry with what the draw says of it."""

    entry: Entry
    issuance_id: str
    numbers: tuple[str, ...]
    entry_hash: bytes
    tag: bytes
    start: int = 0
    weight: int = 0
    unit: int = 1

    @property
    def leaf(self) -> bytes:
        start, weight = self.start.to_bytes(5, "big"), self.weight.to_bytes(4, "big")
        return bytes([SOURCES[self.entry.source]]) + self.entry_hash + self.tag + start + weight


def lines_of(draw: Draw, code: str) -> list[Line]:
    """As they were asked for; without their ranges."""
    dice = random.Random(draw.seed)  # noqa: S311  tests want the same each time
    lines: list[Line] = []
    for entry in draw.entries:
        issuance = dice.randbytes(16)
        numbers = sorted("TKT" + "".join(dice.choices(CROCKFORD, k=16)) for _ in range(entry.tickets))
        joined = "".join(numbers).encode()
        found = b"gasolinera-entry-1\0" + bytes([len(code)]) + code.encode() + issuance
        found = sha256(found + len(numbers).to_bytes(4, "big") + joined)[:28]
        owner = entry.owner.to_bytes(16, "big")
        tag = hmac.digest(b"k" * 32, b"gasolinera-owner-1\0" + code.encode() + b"\0" + owner, "sha256")[:16]
        lines.append(Line(entry, issuance.hex(), tuple(numbers), found, tag))
    return lines


def ranged(draw: Draw, lines: list[Line]) -> list[Line]:
    """In the order of the list, each with its range."""
    start = 0
    seen: set[bytes] = set()
    done: list[Line] = []
    for line in sorted(lines, key=lambda line: line.entry_hash):
        weight, unit = len(line.numbers), 1
        if draw.algorithm == "WEIGHTED":
            assert draw.weights is not None
            unit = draw.weights[line.entry.source]
            weight *= unit
        elif draw.algorithm == "RANDOM":
            weight = 0 if line.tag in seen and not draw.two_chances else 1
        seen.add(line.tag)
        done.append(msgspec.structs.replace(line, start=start, weight=weight, unit=unit))
        start += weight
    return done


def manifest_of(draw: Draw, lines: list[Line], code: str) -> Json:
    leaves = [line.leaf for line in lines]
    beacon = (draw.beacon or local_beacon()).chain
    number = draw.round
    if number is None:
        number = -(-(FROZEN_AT + 2 * GAP_S - beacon.genesis_time) // beacon.period_s) + 1
    due = beacon.genesis_time + beacon.period_s * (number - 1)
    frozen_at = FROZEN_AT if draw.round is None else due - 2 * draw.gap_s
    required = draw.algorithm == "PROVABLY_FAIR" if draw.required is None else draw.required
    return {
        "format": "gasolinera-draw-manifest-1",
        "rules": 1,
        "draw_number": draw.number,
        "previous": None if draw.previous is None else sha256(canonical(draw.previous["manifest"])).hex(),
        "raffle": {
            "code": code,
            "name": draw.name,
            "type": "MONTHLY",
            "algorithm": draw.algorithm,
            "permit_number": None if draw.seed % 2 else "SEGOB/1",
            "terms_version": "1.0",
            "terms_sha256": sha256(b"terms").hex(),
            "opens_at": time_text(frozen_at - 1000),
            "closes_at": time_text(frozen_at - 10),
        },
        "frozen_at": time_text(frozen_at),
        "entries": {
            "leaves": len(lines),
            "tickets": sum(len(line.numbers) for line in lines),
            "owners": len({line.tag for line in lines if line.weight}),
            "weight": sum(line.weight for line in lines),
            "root": tree_hash(leaves).hex(),
            "list_sha256": sha256(b"".join(leaves)).hex(),
        },
        "excluded": {"entries": 0, "sha256": sha256(b"").hex()},
        "weights": draw.weights,
        "prizes": [
            {"rank": rank, "name": f"Premio {rank}", "type": "CASH", "value": "10.00", "currency": "MXN", "quantity": n}
            for rank, n in enumerate(draw.prizes, start=1)
        ],
        "alternates": draw.alternates,
        "one_prize_per_owner": draw.one_prize_per_owner,
        "beacon": {
            "scheme": "bls-unchained-g1-rfc9380",
            "id": beacon.id,
            "chain_hash": beacon.chain_hash,
            "group_hash": beacon.group_hash,
            "public_key": beacon.public_key,
            "genesis_time": beacon.genesis_time,
            "period_s": beacon.period_s,
            "round": number,
            "round_at": time_text(due),
        },
        "evidence": {
            "required": required,
            "gap_s": draw.gap_s,
            "quorum": draw.quorum,
            "witnesses": [
                {"terminal": f"T-{number:03}", "public_key": public_half(f"T-{number:03}")}
                for number in range(draw.witnesses)
            ],
        },
        "operator": {"key_id": 7, "public_key": public_half("operator")},
    }


def positions_of(draw: Draw, manifest: Json, lines: list[Line], randomness: bytes) -> tuple[list[Json], set[int], int]:
    """The positions, the leaves that were pointed to, and how many blocks were read."""
    entries = manifest["entries"]
    total: int = entries["weight"]
    capacity = entries["weight" if draw.algorithm == "RANDOM" else "tickets"]
    sought = min(sum(draw.prizes) + draw.alternates, entries["owners"] if draw.one_prize_per_owner else capacity)
    seed = sha256(b"gasolinera-draw-seed-1\0" + randomness + sha256(canonical(manifest)))
    units = [(rank, unit) for rank, n in enumerate(draw.prizes, start=1) for unit in range(1, n + 1)]
    positions: list[Json] = []
    pointed: set[int] = set()
    drawn: set[str] = set()
    owners: set[bytes] = set()
    block = 0
    while len(positions) < sought and block <= 100_000 + 20 * sought:
        value = int.from_bytes(sha256(b"gasolinera-draw-pick-1\0" + seed + block.to_bytes(8, "big")), "big")
        block += 1
        if value >= 2**256 // total * total:
            continue
        point = value % total
        index = next(at for at, line in enumerate(lines) if line.start <= point < line.start + line.weight)
        line = lines[index]
        ticket = line.numbers[(point - line.start) // line.unit]
        pointed.add(index)
        if ticket in drawn or (draw.one_prize_per_owner and line.tag in owners):
            continue
        drawn.add(ticket)
        owners.add(line.tag)
        rank, unit = units[len(positions)] if len(positions) < len(units) else (None, None)
        positions.append(
            {
                "position": len(positions) + 1,
                "block": block - 1,
                "point": point,
                "index": index,
                "ticket": ticket,
                "role": "ALTERNATE" if rank is None else "PRIZE",
                "rank": rank,
                "unit": unit,
            }
        )
    return positions, pointed, block


def witnessed(manifest: Json, draw: Draw) -> list[Json]:
    hashed = sha256(canonical(manifest))
    message = b"gasolinera-draw-witness-1\0" + hashed + draw.signed_at.to_bytes(8, "big")
    return [
        {
            "terminal": f"T-{number:03}",
            "signed_at": time_text(draw.signed_at),
            "signature": key_of(f"T-{number:03}").sign(message).hex(),
        }
        for number in range(draw.signing)
    ]


def made(draw: Draw, *, code: str = "RAF-2026") -> Made:
    asked = lines_of(draw, code)
    lines = ranged(draw, asked)
    manifest = manifest_of(draw, lines, code)
    if draw.change is not None:
        draw.change(manifest)
    signature = draw.signature
    if signature is None:
        signature = sign_round(draw.beacon or local_beacon(), manifest["beacon"]["round"]).signature
    positions, pointed, blocks = positions_of(draw, manifest, lines, sha256(signature))
    leaves = [line.leaf for line in lines]
    stamps = [] if draw.timestamp is None else [{"token": draw.timestamp(sha256(canonical(manifest))).hex()}]
    bundle: Json = {
        "format": "gasolinera-draw-bundle-1",
        "manifest": manifest,
        "signature": signed("operator", manifest),
        "previous": draw.previous,
        "evidence": {"timestamps": stamps, "witnesses": witnessed(manifest, draw)},
        "beacon": {
            "round": manifest["beacon"]["round"],
            "signature": signature.hex(),
            "randomness": sha256(signature).hex(),
        },
        "leaves": [
            {"index": at, "leaf": leaves[at].hex(), "proof": [found.hex() for found in tree_path(at, leaves)]}
            for at in sorted(pointed)
        ],
        "openings": [
            {"index": at, "issuance_id": line.issuance_id, "numbers": list(line.numbers)}
            for at, line in enumerate(lines)
            if at in {position["index"] for position in positions}
        ],
        "positions": positions,
        "blocks": blocks,
    }
    return Made(sealed(bundle), b"".join(leaves), tuple(receipt_of(line, code) for line in asked))


def receipt_of(line: Line, code: str) -> Json:
    return {
        "format": "gasolinera-entry-receipt-1",
        "raffle": code,
        "issuance_id": line.issuance_id,
        "source": line.entry.source,
        "entry_hash": line.entry_hash.hex(),
        "owner_tag": line.tag.hex(),
        "numbers": list(line.numbers),
        "entered_at": time_text(FROZEN_AT - 500),
        "received_at": time_text(FROZEN_AT - 499),
        "operator": {"key_id": 7, "public_key": public_half("operator")},
    }


def proof_of(made: Made, index: int, opening: Json | None) -> Json:
    """An inclusion proof."""
    leaves = [made.leaves[at : at + 54] for at in range(0, len(made.leaves), 54)]
    return {
        "format": "gasolinera-inclusion-1",
        "manifest": made.bundle["manifest"],
        "signature": made.bundle["signature"],
        "index": index,
        "leaf": leaves[index].hex(),
        "proof": [found.hex() for found in tree_path(index, leaves)],
        "opening": opening,
    }

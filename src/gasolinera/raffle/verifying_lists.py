"""What goes with a bundle: who was left out of the list, a proof of one entry, a receipt."""

from hashlib import sha256
from typing import Final, get_args

import msgspec

from gasolinera.errors import InputError
from gasolinera.raffle.bundles import Inclusion, LeafProof, Opening
from gasolinera.raffle.documents import canonical, is_signed, read_document
from gasolinera.raffle.leaves import SOURCES, Leaf
from gasolinera.raffle.manifest import Manifest, Source
from gasolinera.raffle.receipts import EntryReceipt, SignedReceipt
from gasolinera.raffle.selection import Place
from gasolinera.raffle.verifying_leaves import check_in_list, check_opening, check_signature
from gasolinera.raffle.verifying_reports import Check, CheckRefusedError, Outcome, require, run_check
from gasolinera.raffle.verifying_whole import Seen

_REASONS: Final = frozenset({"EXCLUDED_PERSON", "UNVERIFIED", "DISQUALIFIED", "NOT_ELIGIBLE"})


class Extras(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of files. `operator_keys`: those that the user names, lower-case hexadecimal."""

    operator_keys: frozenset[str] = frozenset()
    excluded: bytes | None = None
    proof: bytes | None = None
    receipt: bytes | None = None


def verify_extras(manifest: Manifest, extras: Extras, found: Seen) -> list[Check]:
    """A check for each that was given, in an order in which the receipt knows what the others have found.

    `found`: what looking through the whole list for `wanted_by` the receipt has found.
    """
    checks: list[Check] = []
    excluded, proof, receipt = extras.excluded, extras.proof, extras.receipt
    if excluded is not None:
        checks.append(run_check("excluded", lambda: _check_excluded(manifest, excluded, found)))
    if proof is not None:
        checks.append(run_check("proof", lambda: _check_proof(manifest, proof, found)))
    if receipt is not None:
        checks.append(run_check("receipt", lambda: _check_receipt(manifest, receipt, found, extras.operator_keys)))
    return checks


def wanted_by(receipt: bytes | None) -> bytes | None:
    """What to look for. A receipt that cannot be read is told when it is checked."""
    try:
        return None if receipt is None else bytes.fromhex(_read_receipt(receipt).receipt.entry_hash)
    except (CheckRefusedError, ValueError):
        return None


def _check_excluded(manifest: Manifest, data: bytes, found: Seen) -> tuple[Outcome, str]:
    require(sha256(data).hexdigest() == manifest.excluded.sha256, "the list of who was left out is another one")
    lines = [line.split(" ") for line in data.decode("ascii", "replace").splitlines()]
    good = all(len(line) == 2 and line[1] in _REASONS for line in lines)
    require(good and len(lines) == manifest.excluded.entries, "the list of who was left out is in no good form")
    reasons = dict(line for line in lines)
    require(list(reasons) == sorted(reasons) and len(reasons) == len(lines), "who was left out is not in order")
    if found.wanted is not None:
        found.reason = reasons.get(found.wanted.hex())
    return "good", f"{len(lines)} entries were left out, each with its reason"


def _check_proof(manifest: Manifest, data: bytes, found: Seen) -> tuple[Outcome, str]:
    try:
        proof = read_document(Inclusion, data.removesuffix(b"\n"))  # as it is printed
    except InputError as error:
        raise CheckRefusedError(error.message) from None
    require(canonical(proof.manifest) == canonical(manifest), "the proof is about another draw")
    check_signature(proof.manifest, proof.signature)
    leaf = check_in_list(manifest, LeafProof(index=proof.index, leaf=proof.leaf, proof=proof.proof))
    if leaf.entry_hash == found.wanted:
        found.place = Place(proof.index, leaf)
    if proof.opening is None:
        return "good", f"entry {proof.index} took part"
    check_opening(manifest, leaf, proof.opening)
    return "good", f"entry {proof.index} took part with {len(proof.opening.numbers)} tickets"


def _read_receipt(data: bytes) -> SignedReceipt:
    try:
        return msgspec.json.decode(data, type=SignedReceipt)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CheckRefusedError(f"this is no receipt: {error}") from None


def _check_receipt(manifest: Manifest, data: bytes, found: Seen, keys: frozenset[str]) -> tuple[Outcome, str]:
    """A receipt may be spelled in any way: what is signed is written again.

    One of another key than the draw's is an operator's as well, who may change keys, when the user names that key.
    """
    signed = _read_receipt(data)
    receipt = signed.receipt
    require(receipt.raffle == manifest.raffle.code, "the receipt is for another raffle")
    require(_is_receipt_signed(signed), "the receipt's signature is wrong")
    words = f"a genuine receipt for {len(receipt.numbers)} tickets"
    known = receipt.operator.public_key in {manifest.operator.public_key, *keys}
    if found.place is not None:
        _require_same(manifest, found.place.leaf, receipt)
        words = f"{words}; they are entry {found.place.index} of the list"
    elif found.reason is not None:
        words = f"{words}; they were left out: {found.reason}"
    else:
        require(not (found.is_complete and known), f"{words}, which are not in the list: ask the operator why")
        where = "not in the list" if found.is_complete else "in the list of entries, or in their proof, or nowhere"
        words = f"{words}; they are {where}"
    if not known:
        words = f"{words}; the key is neither the draw's nor one that you name as the operator's"
    is_told = found.place is not None or found.reason is not None
    return ("good" if known and is_told else "not checked"), words


def _require_same(manifest: Manifest, leaf: Leaf, receipt: EntryReceipt) -> None:
    same = receipt.source in get_args(Source) and SOURCES[receipt.source] == leaf.source
    require(same and receipt.owner_tag == leaf.owner_tag.hex(), "the list has another owner or source for the receipt")
    try:
        check_opening(manifest, leaf, Opening(issuance_id=receipt.issuance_id, numbers=receipt.numbers))
    except ValueError:
        raise CheckRefusedError("the receipt names no tickets") from None


def _is_receipt_signed(signed: SignedReceipt) -> bool:
    receipt = signed.receipt
    try:
        key, signature = bytes.fromhex(receipt.operator.public_key), bytes.fromhex(signed.signature)
    except ValueError:
        return False
    return is_signed(key, receipt.format, canonical(receipt), signature)

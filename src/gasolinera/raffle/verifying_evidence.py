"""Who besides the operator says that a list was frozen before the round: authorities of time, and terminals."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from gasolinera.raffle.bundles import WitnessSignature
from gasolinera.raffle.documents import read_time
from gasolinera.raffle.manifest import Manifest
from gasolinera.raffle.verifying_reports import CheckRefusedError, Outcome

_WITNESS_DOMAIN: Final = b"gasolinera-draw-witness-1\0"
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_GRANTED: Final = bytes.fromhex("3003020100")  # DER of the status before a token, which makes an answer of it
_BEST_FIRST: Final[tuple[Outcome, ...]] = ("held", "not held", "not checked")


def check_timestamps(
    hashed: bytes, tokens: Sequence[bytes], roots: Sequence[x509.Certificate], deadline: int
) -> tuple[Outcome, str]:
    """A token that names a trusted authority holds, is late, or is wrong; that of another one is not checked.

    `deadline` in seconds since 1970: evidence is from before. Raises CheckRefusedError.
    """
    outcomes: Counter[Outcome] = Counter()
    for token in tokens:
        if b"\x04\x20" + hashed not in token:  # the imprint, as DER writes it
            raise CheckRefusedError("a timestamp is over something else")
        named = any(root.subject.public_bytes() in token for root in roots)
        when = _stamped_at(token, hashed, list(roots)) if named else None
        outcomes["not checked" if when is None else "held" if when < deadline else "not held"] += 1
    words = f"{outcomes['held']} in time, {outcomes['not held']} too late, {outcomes['not checked']} not checked"
    for outcome in _BEST_FIRST:
        if outcomes[outcome]:
            return outcome, words
    return "none", words


def _stamped_at(token: bytes, hashed: bytes, roots: list[x509.Certificate]) -> float:
    """When an authority has seen the hash. Raises CheckRefusedError."""
    size = len(_GRANTED) + len(token)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    answer = bytes([0x30, 0x80 + len(length)]) + length + _GRANTED + token
    try:
        response = decode_timestamp_response(answer)
        if response.tst_info.message_imprint.hash_algorithm.dotted_string != _SHA256:
            raise CheckRefusedError("a timestamp is over no SHA-256")
        VerifierBuilder(roots=roots).build().verify(response, hashed)
    except (VerificationError, ValueError) as error:
        raise CheckRefusedError(f"a timestamp is wrong: {error}") from None
    return response.tst_info.gen_time.timestamp()


def check_witnesses(
    manifest: Manifest, hashed: bytes, given: Sequence[WitnessSignature], trusted: frozenset[str], deadline: int
) -> tuple[Outcome, str]:
    """All must have signed; those count whose keys the user has from elsewhere. Raises CheckRefusedError."""
    keys = {witness.terminal: witness.public_key for witness in manifest.evidence.witnesses}
    terminals = [witness.terminal for witness in given]
    if terminals != sorted(set(terminals)):
        raise CheckRefusedError("the witnesses are not in order, or one is there twice")
    early: set[str] = set()
    for witness in given:
        when = int(read_time(witness.signed_at).timestamp())
        message = _WITNESS_DOMAIN + hashed + when.to_bytes(8, "big")
        key = keys.get(witness.terminal)
        if key is None or not _is_signed(key, message, witness.signature):
            raise CheckRefusedError(f"{witness.terminal} has not signed this manifest")
        if when < deadline:
            early.add(key)
    quorum, known = max(1, manifest.evidence.quorum), len(early & trusted)
    words = f"{len(early)} terminals have signed in time, {known} of them with a key that you name, {quorum} are needed"
    if known >= quorum:
        return "held", words
    if len(early) >= quorum:
        return "not checked", f"{words}: the other keys are the operator's word"
    return "not held" if given else "none", words


def _is_signed(key: str, message: bytes, signature: str) -> bool:
    try:
        VerifyKey(bytes.fromhex(key)).verify(message, bytes.fromhex(signature))
    except (BadSignatureError, ValueError):
        return False
    return True

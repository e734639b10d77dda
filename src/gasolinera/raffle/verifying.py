"""Is a draw what it says: the bundle from its bytes alone, by docs/reference/draw-format.md. Asks no server.

The other two verifiers (`verifier/verify_draw.py`, `web/modules/verify_draw.mjs`) share no code with this one; their
checks have the same names and outcomes.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import BinaryIO, Final, Literal, TypeAlias

import msgspec
from cryptography import x509

from gasolinera.errors import ConfigError, InputError
from gasolinera.raffle.beacon import QUICKNET, TEST, Chain, checked_chain, is_test_chain, round_at, verify_round
from gasolinera.raffle.bundles import Bundle, Position, contents_of
from gasolinera.raffle.documents import canonical, is_signed, read_document, read_time, time_text
from gasolinera.raffle.manifest import Manifest, rules_of
from gasolinera.raffle.selection import Place, Selection, last_block, seed_of, select
from gasolinera.raffle.verifying_evidence import check_timestamps, check_witnesses
from gasolinera.raffle.verifying_leaves import (
    check_in_list,
    check_opening,
    check_signature,
    possible_leaf,
    require_ascending,
    require_neighbours,
)
from gasolinera.raffle.verifying_reports import Check, CheckRefusedError, Outcome, Report, require, run_check
from gasolinera.raffle.verifying_whole import Seen, check_list

_ACCEPTED: Final = "the bundle is in the one form that it may have"
_MAX_WEIGHT: Final = 2**41  # a start has five bytes, a weight four
_CODE_BYTES: Final = 255
_BY_OTHERS: Final = frozenset({"timestamps", "witnesses"})
_LEAST_GAP_S: Final = 600
_NOBODY: Final = sha256().hexdigest()  # of a list in which nobody is
_MOST_BLOCKS: Final = 500_000  # beside 20 for each position that is shown
Checker: TypeAlias = Callable[[], tuple[Outcome, str]]


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What the user of a verifier trusts besides mathematics. Keys and hashes are lower-case hexadecimal.

    `witness_keys`: of terminals whose word counts; the manifest's list of them is the operator's own word.
    """

    chain: Chain = QUICKNET
    operator_keys: frozenset[str] = frozenset()
    witness_keys: frozenset[str] = frozenset()
    tsa_roots: tuple[x509.Certificate, ...] = ()
    kept_manifest: str | None = None


def verify_bundle(data: bytes, trust: Trust, entries: BinaryIO | None = None, seen: Seen | None = None) -> Report:
    """Every check by name; raises nothing. What is good here needs no look at the operator's server.

    `entries`: the whole list, without which no draw is verified. `seen` is told where an entry was met.
    """
    try:
        bundle = read_bundle(data)
    except (InputError, ValueError, OverflowError) as error:
        return Report(verdict="refused", checks=(Check("format", "bad", str(error)),))
    manifest = bundle.manifest
    hashed = sha256(canonical(manifest)).digest()
    deadline = int(read_time(manifest.beacon.round_at).timestamp()) - manifest.evidence.gap_s
    tokens = [bytes.fromhex(stamp.token) for stamp in bundle.evidence.timestamps]
    checkers: dict[str, Checker] = {
        "signature": lambda: check_signature(manifest, bundle.signature),
        "seal": lambda: _check_seal(bundle),
        "operator-key": lambda: _check_key(manifest, trust.operator_keys),
        "manifest": lambda: _check_manifest(manifest),
        "history": lambda: _check_history(bundle),
        "chain": lambda: _check_chain(manifest, trust.chain),
        "schedule": lambda: _check_schedule(manifest),
        "round": lambda: _check_round(bundle, trust.chain),
        "leaves": lambda: _check_leaves(bundle),
        "list": lambda: _check_list(bundle, entries, seen or Seen()),
        "openings": lambda: _check_openings(bundle),
        "selection": lambda: _check_selection(bundle, hashed),
        "timestamps": lambda: check_timestamps(hashed, tokens, trust.tsa_roots, deadline),
        "witnesses": lambda: check_witnesses(manifest, hashed, bundle.evidence.witnesses, trust.witness_keys, deadline),
        "kept-manifest": lambda: _check_kept(hashed, trust.kept_manifest),
    }
    checks = [Check("format", "good", _ACCEPTED), *(run_check(name, check) for name, check in checkers.items())]
    checks.append(_evidence(manifest, checks))
    return Report(
        verdict=verdict_of(checks), checks=tuple(checks), manifest=manifest, is_test=is_test_chain(_chain_of(manifest))
    )


def verdict_of(checks: Sequence[Check]) -> Literal["verified", "consistent", "refused"]:
    outcomes = {check.outcome for check in checks}
    if "bad" in outcomes:
        return "refused"
    whole = any(check.name == "list" and check.outcome == "good" for check in checks)
    return "verified" if whole and "held" in outcomes else "consistent"


def read_bundle(data: bytes) -> Bundle:
    """Raises InputError `draw.document`, and ValueError or OverflowError for times that no calendar has."""
    bundle = read_document(Bundle, data)
    before = () if bundle.previous is None else (bundle.previous.manifest,)
    for manifest in (bundle.manifest, *before):
        check_times(manifest)
    for witness in bundle.evidence.witnesses:
        _check_time(witness.signed_at)
    return bundle


def check_times(manifest: Manifest) -> None:
    """Raises InputError `draw.document`."""
    raffle = manifest.raffle
    for text in (manifest.frozen_at, raffle.opens_at, raffle.closes_at, manifest.beacon.round_at):
        _check_time(text)
    visible = raffle.code.isascii() and raffle.code.isprintable() and " " not in raffle.code
    if not visible or len(raffle.code) > _CODE_BYTES:
        raise InputError("draw.document", "the raffle has an impossible code")


def _check_time(text: str) -> None:
    if read_time(text).timestamp() < 0:
        raise InputError("draw.document", f"{text} is before 1970")


def _check_seal(bundle: Bundle) -> tuple[Outcome, str]:
    key = bytes.fromhex(bundle.manifest.operator.public_key)
    sealed = is_signed(key, bundle.format, canonical(contents_of(bundle)), bytes.fromhex(bundle.seal))
    require(sealed, "the bundle is not as the operator has sealed it")
    return "good", "the same key has sealed the bundle as it is"


def _check_key(manifest: Manifest, keys: frozenset[str]) -> tuple[Outcome, str]:
    if not keys:
        return "not checked", "name the operator's key to compare it"
    require(manifest.operator.public_key in keys, "the draw is signed with another key than you name")
    return "good", "it is a key that you name"


def _check_manifest(manifest: Manifest) -> tuple[Outcome, str]:
    entries, raffle = manifest.entries, manifest.raffle
    require(entries.owners <= entries.leaves <= entries.tickets, "there are more owners than entries, or than tickets")
    require((raffle.algorithm == "WEIGHTED") == bool(manifest.weights), "weights belong to WEIGHTED draws alone")
    each = entries.owners if raffle.algorithm == "RANDOM" else entries.tickets
    weights = manifest.weights.values() if manifest.weights else (1,)
    follows = min(weights) * each <= entries.weight <= max(weights) * each and entries.weight < _MAX_WEIGHT
    require(follows, "the total weight does not follow from the tickets")
    require_ascending([prize.rank for prize in manifest.prizes], "the prizes are not in the order of rank")
    terminals = [witness.terminal for witness in manifest.evidence.witnesses]
    require_ascending(terminals, "the witnesses are not in order")
    needs = raffle.algorithm == "PROVABLY_FAIR"
    require(manifest.evidence.required or not needs, "a PROVABLY_FAIR draw must require evidence")
    _require_order(manifest)
    nobody = manifest.excluded.sha256 == _NOBODY
    plausible = nobody == (manifest.excluded.entries == 0) and manifest.excluded.entries < _MAX_WEIGHT
    require(plausible, "the number of those who were left out is not that of their list")
    words = f"draw {manifest.draw_number}, {entries.leaves} entries, {entries.tickets} tickets: the numbers add up"
    return "good", words


def _require_order(manifest: Manifest) -> None:
    """Of times; and that there was enough of it. Raises CheckRefusedError."""
    raffle = manifest.raffle
    times = [read_time(text) for text in (raffle.opens_at, raffle.closes_at, manifest.frozen_at)]
    require(times[0] < times[1] <= times[2], "the raffle was not open before it closed, or was frozen before that")
    enough = manifest.evidence.gap_s >= _LEAST_GAP_S or manifest.beacon.chain_hash == TEST.chain_hash
    require(enough, f"less than {_LEAST_GAP_S} seconds are left between the evidence and the round")


def _check_history(bundle: Bundle) -> tuple[Outcome, str]:
    manifest, before = bundle.manifest, bundle.previous
    if manifest.draw_number == 1:
        require(manifest.previous is None and before is None, "the first draw has none before it")
        return "good", "this is the operator's first draw"
    if before is None or manifest.previous is None:
        raise CheckRefusedError("only the first draw has none before it")
    found = sha256(canonical(before.manifest)).hexdigest()
    require(found == manifest.previous, "the draw before is another one")
    require(before.manifest.draw_number == manifest.draw_number - 1, "a draw is missing in between")
    later = read_time(before.manifest.frozen_at) <= read_time(manifest.frozen_at)
    require(later, "the draw before was frozen after this one")
    check_signature(before.manifest, before.signature)
    return "good", f"it follows draw {before.manifest.draw_number} directly"


def _chain_of(manifest: Manifest) -> Chain:
    return Chain(**{name: getattr(manifest.beacon, name) for name in Chain.__struct_fields__})


def _check_chain(manifest: Manifest, trusted: Chain) -> tuple[Outcome, str]:
    chain = _chain_of(manifest)
    if is_test_chain(chain) and not is_test_chain(trusted):
        raise CheckRefusedError("the draw follows the test beacon, whose rounds anybody can know beforehand")
    require(chain == trusted, f"the draw trusts the beacon {chain.id}, you trust {trusted.id}")
    try:
        checked_chain(chain)
    except ConfigError as error:
        raise CheckRefusedError(error.message) from None
    return "good", f"the beacon is {chain.id}, which you trust"


def _check_schedule(manifest: Manifest) -> tuple[Outcome, str]:
    beacon = manifest.beacon
    try:
        due = round_at(_chain_of(manifest), beacon.round)
    except (ValueError, OverflowError, OSError):
        raise CheckRefusedError("the round comes at no time of this world") from None
    require(time_text(due) == beacon.round_at, "the round comes at another time than the manifest says")
    frozen = read_time(manifest.frozen_at).timestamp() + manifest.evidence.gap_s
    require(frozen <= due.timestamp(), "the list was frozen too near to the round")
    return "good", f"frozen at {manifest.frozen_at}, says the operator; the round came at {beacon.round_at}"


def _check_round(bundle: Bundle, trusted: Chain) -> tuple[Outcome, str]:
    given = bundle.beacon
    require(given.round == bundle.manifest.beacon.round, "another round was used than the manifest says")
    found = verify_round(trusted, given.round, bytes.fromhex(given.signature))
    if found is None:
        raise CheckRefusedError("the beacon that you trust has not signed this round")
    require(found.randomness.hex() == given.randomness, "the randomness is not the round's")
    return "good", f"the beacon has signed round {given.round}"


def _check_leaves(bundle: Bundle) -> tuple[Outcome, str]:
    before: Place | None = None
    owners: set[bytes] = set()
    for given in bundle.leaves:
        place = Place(given.index, check_in_list(bundle.manifest, given))
        require_neighbours(bundle.manifest, before, place)
        once = bundle.manifest.raffle.algorithm != "RANDOM" or place.leaf.owner_tag not in owners
        require(once, "one person has two chances")
        owners.add(place.leaf.owner_tag)
        before = place
    return "good", f"{len(bundle.leaves)} entries that were drawn or skipped are in the list"


def _check_list(bundle: Bundle, entries: BinaryIO | None, seen: Seen) -> tuple[Outcome, str]:
    if entries is None:
        return "not checked", "give the whole list: without it two entries may have one range"
    return check_list(bundle.manifest, {leaf.index: leaf.leaf for leaf in bundle.leaves}, entries, seen)


def _places_of(bundle: Bundle) -> list[Place]:
    """Raises CheckRefusedError."""
    manifest = bundle.manifest
    return [Place(one.index, possible_leaf(manifest, one.index, bytes.fromhex(one.leaf))) for one in bundle.leaves]


def _check_openings(bundle: Bundle) -> tuple[Outcome, str]:
    leaves = {place.index: place.leaf for place in _places_of(bundle)}
    wanted = sorted({position.index for position in bundle.positions})
    shown = [opening.index for opening in bundle.openings]
    same = shown == wanted and leaves.keys() >= set(wanted)
    require(same, "the entries that are shown are not those that were drawn")
    for opening in bundle.openings:
        check_opening(bundle.manifest, leaves[opening.index], opening)
    return "good", f"the tickets of {len(wanted)} drawn entries are those of the list"


def _require_possible(bundle: Bundle, sought: int) -> None:
    """Before anything is drawn: a bundle of a few bytes may promise more than a computer counts. CheckRefusedError."""
    given, blocks, end = len(bundle.positions), bundle.blocks, last_block(sought) + 1
    require(given <= sought, f"there are {given} positions, not {sought}")
    require(given == sought or blocks == end, f"there are {given} positions, and blocks are left for {sought}")
    require(blocks <= min(end, _MOST_BLOCKS + 20 * given), f"no draw reads {blocks} blocks for {given} positions")


def _draw_again(bundle: Bundle, hashed: bytes) -> Selection:
    """Raises CheckRefusedError where the round points to what the bundle does not show."""
    places, rules = _places_of(bundle), rules_of(bundle.manifest)
    _require_possible(bundle, rules.sought)

    def found_at(points: Sequence[int]) -> dict[int, Place]:
        found: dict[int, Place] = {}
        for point in points:
            at = bisect_right(places, point, key=lambda place: place.leaf.end)
            if at < len(places) and places[at].leaf.start <= point:
                found[point] = places[at]
        return found

    drawing = select(seed_of(bytes.fromhex(bundle.beacon.randomness), hashed), rules)
    try:
        points = next(drawing)
        while True:
            points = drawing.send(found_at(points))
    except StopIteration as end:
        return end.value
    except KeyError as missing:
        raise CheckRefusedError(f"the entry at {missing}, which was drawn, is not shown") from None


def _positions_of(manifest: Manifest, selection: Selection, numbers: Mapping[int, Sequence[str]]) -> list[Position]:
    """Unit by unit: a manifest may promise more prizes than fit into memory."""
    units = ((prize.rank, unit) for prize in manifest.prizes for unit in range(1, prize.quantity + 1))
    positions: list[Position] = []
    for pick in selection.picks:
        rank, unit = next(units, (None, None))
        index = pick.place.index
        positions.append(
            Position(
                position=pick.position,
                block=pick.block,
                point=pick.point,
                index=index,
                ticket=numbers[index][pick.ticket],
                role="ALTERNATE" if rank is None else "PRIZE",
                rank=rank,
                unit=unit,
            )
        )
    return positions


def _check_selection(bundle: Bundle, hashed: bytes) -> tuple[Outcome, str]:
    selection = _draw_again(bundle, hashed)
    numbers = {opening.index: opening.numbers for opening in bundle.openings}
    for pick in selection.picks:
        shown = pick.ticket < len(numbers.get(pick.place.index, ()))
        require(shown, f"the ticket at {pick.point}, which was drawn, is not shown")
    positions = _positions_of(bundle.manifest, selection, numbers)
    for right, given in zip(positions, bundle.positions, strict=False):
        require(right == given, f"position {right.position} is {given.ticket}, the round says {right.ticket}")
    given_count = len(bundle.positions)
    require(len(positions) == given_count, f"there are {given_count} positions, not {len(positions)}")
    consulted = set(selection.consulted) == {leaf.index for leaf in bundle.leaves}
    require(consulted, "entries are shown that were not drawn")
    require(selection.blocks == bundle.blocks, f"{selection.blocks} blocks are read, not {bundle.blocks}")
    prizes = sum(position.role == "PRIZE" for position in positions)
    return "good", f"{prizes} prizes and {len(positions) - prizes} alternates follow from the round, in this order"


def _check_kept(hashed: bytes, kept: str | None) -> tuple[Outcome, str]:
    if kept is None:
        return "none", "you name no manifest that you kept"
    require(kept == hashed.hex(), "the manifest that you kept is another one")
    return "held", "it is the manifest that you kept"


def _evidence(manifest: Manifest, checks: Sequence[Check]) -> Check:
    """What is there and nobody could check neither proves anything nor speaks against the operator."""
    held = [check.name for check in checks if check.outcome == "held"]
    if held:
        return Check("evidence", "held", ", ".join(held))
    open_ones = [check.name for check in checks if check.name in _BY_OTHERS and check.outcome == "not checked"]
    if open_ones:
        words = f"not proven: name whom you trust, to have them checked: {', '.join(open_ones)}"
        return Check("evidence", "not checked", words)
    words = "nothing besides the operator's word says when the list was frozen"
    return Check("evidence", "bad" if manifest.evidence.required else "none", words)

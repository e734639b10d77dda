"""Whatever is changed in a bundle, all three verifiers refuse it. `GASOLINERA_MUTATIONS=all` flips every byte."""

import copy
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

import pytest

from gasolinera.raffle.beacon import TEST
from gasolinera.raffle.verifying import Trust
from tests.raffle import mutations
from tests.raffle.bundle_maker import (
    FROZEN_AT,
    Draw,
    Entry,
    Json,
    Made,
    canonical,
    made,
    proof_of,
    public_half,
    sealed,
    sha256,
    signed,
)
from tests.raffle.mutations import Mutation
from tests.raffle.time_authority import token
from tests.raffle.verifiers import by_all

ENTRIES = (Entry(1, 2), Entry(2), Entry(1, 3, "BONUS"), Entry(3), Entry(4, 1, "FREE_ENTRY"), Entry(2, 2))
TRUST = Trust(
    chain=TEST,
    operator_keys=frozenset({public_half("operator")}),
    witness_keys=frozenset(public_half(f"T-{number:03}") for number in range(3)),
)
STEP = 1 if os.environ.get("GASOLINERA_MUTATIONS") == "all" else 41


def draw(*, number: int = 2, seed: int = 4, prizes: tuple[int, ...] = (1, 1)) -> Made:
    """Evidence is required and every witness is needed, so that nothing in the bundle is without weight."""
    first = made(Draw(entries=ENTRIES, seed=9))
    before = {"manifest": first.bundle["manifest"], "signature": first.bundle["signature"]}
    return made(
        Draw(
            entries=ENTRIES,
            prizes=prizes,
            alternates=2,
            algorithm="PROVABLY_FAIR",
            witnesses=2,
            signing=2,
            quorum=2,
            seed=seed,
            number=number,
            previous=before if number > 1 else None,
            name="Sorteo ñ",
        )
    )


def assert_all_refused(changes: Iterable[Mutation], original: bytes) -> int:
    wanted = [(name, data) for name, data in changes if data != original]
    said = by_all([data for _, data in wanted], TRUST)
    wrong = [(name, three) for (name, _), three in zip(wanted, said, strict=True) if {one.code for one in three} != {1}]
    assert wrong == []
    return len(wanted)


def by_operator(changes: Iterable[Mutation], original: bytes) -> list[Mutation]:
    """Sealed again: the seal is good, and something else must be found. A change of the seal alone stays what it is."""
    again = [(name, data, mutations.resealed(data)) for name, data in changes]
    return [(name, data if other == original else other) for name, data, other in again]


@pytest.fixture(scope="module")
def whole() -> Made:
    made = draw()
    assert [one.code for one in by_all([made.data], TRUST, [made.leaves])[0]] == [0, 0, 0]
    assert len(made.bundle["leaves"]) > len(made.bundle["openings"]), "something must have been skipped"
    return made


def test_every_value_that_is_another_one_is_refused(whole: Made) -> None:
    changes = islice(mutations.of_values(whole.bundle), 0, None, 1 if STEP == 1 else 3)
    assert assert_all_refused(by_operator(changes, whole.data), whole.data) > 500


def test_every_field_and_every_line_is_needed_once_and_in_its_place(whole: Made) -> None:
    assert assert_all_refused(by_operator(mutations.of_structure(whole.bundle), whole.data), whole.data) > 500


def test_the_same_document_in_other_bytes_is_refused(whole: Made) -> None:
    assert assert_all_refused(mutations.of_spelling(whole.data), whole.data) > 500


def test_a_flipped_bit_is_refused(whole: Made) -> None:
    assert assert_all_refused(mutations.of_bytes(whole.data, step=STEP, offset=STEP // 2), whole.data) > 100


def test_evidence_that_nobody_needs_is_neither_changed_nor_taken_away() -> None:
    """A surplus of witnesses and timestamps, whose wrapping no authority signs: the seal is over every byte."""

    def stamp(hashed: bytes) -> bytes:
        return token(hashed, datetime.fromtimestamp(FROZEN_AT + 1, UTC))

    rich = made(Draw(entries=ENTRIES, witnesses=3, signing=3, quorum=1, timestamp=stamp))
    assert [one.code for one in by_all([rich.data], TRUST, [rich.leaves])[0]] == [0, 0, 0]
    evidence = [
        (name, canonical(rich.bundle | {"evidence": json.loads(data)}))
        for name, data in [
            *mutations.of_values(rich.bundle["evidence"]),
            *mutations.of_structure(rich.bundle["evidence"]),
        ]
    ]
    text = rich.bundle["evidence"]["timestamps"][0]["token"]
    begins = rich.data.index(text.encode())
    for at in range(begins, begins + len(text), 1 if STEP == 1 else 17):
        digit = b"%x" % (int(rich.data[at : at + 1], 16) ^ 1)
        evidence.append((f"digit {at}", rich.data[:at] + digit + rich.data[at + 1 :]))
    assert assert_all_refused(evidence, rich.data) > 200


def test_parts_of_another_draw_are_refused(whole: Made) -> None:
    other = draw(seed=5).bundle
    changes = [
        (f"another draw's {name}", canonical(whole.bundle | {name: other[name]}))
        for name in whole.bundle
        if other[name] != whole.bundle[name]
    ]
    assert len(changes) > 7
    assert_all_refused(by_operator(changes, whole.data), whole.data)


def test_an_operator_who_signs_another_manifest_afterwards_is_refused(whole: Made) -> None:
    """The manifest is part of the seed: whatever is changed in it, other tickets win."""
    changes: list[Mutation] = []
    for path, value in mutations.paths_of(whole.bundle["manifest"]):
        if isinstance(value, dict | list) or path[-1] in {"format", "rules"}:
            continue
        for other in (value + 1,) if isinstance(value, int) else ("0" * len(value or "x"), f"{value}0", None):
            bundle = copy.deepcopy(whole.bundle)
            parent = bundle["manifest"]
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1]] = other
            bundle["signature"] = signed("operator", bundle["manifest"])
            changes.append((f"{path} = {other!r}, signed", canonical(sealed(bundle))))
    assert_all_refused(changes, whole.data)


def test_a_list_that_was_ground_after_the_round_has_no_evidence(whole: Made) -> None:
    """Whoever knows the round can try lists until a friend wins; then nobody else says that it was frozen before."""
    ground = made(Draw(entries=ENTRIES, prizes=(1,), algorithm="PROVABLY_FAIR", witnesses=2, signing=0, seed=77))
    bundle = sealed(ground.bundle | {"evidence": whole.bundle["evidence"]})
    assert_all_refused([("no evidence", ground.data), ("of another draw", canonical(bundle))], whole.data)


def test_leaves_that_fit_the_root_and_nothing_else_are_refused() -> None:
    """An operator's list that breaks its own rules, with a root and proofs over exactly that list."""
    honest = draw(number=1)
    leaves = [honest.leaves[at : at + 54] for at in range(0, len(honest.leaves), 54)]
    for name, changed in {
        "overlapping": [leaves[0], leaves[1][:45] + b"\0" * 5 + leaves[1][50:], *leaves[2:]],
        "an unknown source": [b"\7" + leaves[0][1:], *leaves[1:]],
        "out of order": [*leaves[1:], leaves[0]],
        "twice": [leaves[0], *leaves[:-1]],
    }.items():
        bundle = bundle_over(honest, changed)
        assert_all_refused([(name, canonical(bundle))], honest.data)


def bundle_over(honest: Made, leaves: list[bytes]) -> Json:
    """The honest bundle, with another list in the manifest, and all its leaves shown."""
    bundle = copy.deepcopy(honest.bundle)
    other = Made(bundle, b"".join(leaves), ())
    entries = bundle["manifest"]["entries"]
    from_list = [proof_of(other, index, None) for index in range(len(leaves))]
    entries["root"] = root_of(leaves)
    entries["list_sha256"] = sha256(other.leaves).hex()
    bundle["signature"] = signed("operator", bundle["manifest"])
    bundle["leaves"] = [{name: one[name] for name in ("index", "leaf", "proof")} for one in from_list]
    return sealed(bundle)


def root_of(leaves: list[bytes]) -> str:
    """A second way to the root: levels from below."""
    level = [sha256(b"\0" + leaf) for leaf in leaves]
    while len(level) > 1:
        level = [
            sha256(b"\1" + b"".join(level[at : at + 2])) if level[at + 1 : at + 2] else level[at]
            for at in range(0, len(level), 2)
        ]
    return level[0].hex()

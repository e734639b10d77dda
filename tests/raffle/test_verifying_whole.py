"""What only the whole list shows; and what an operator claims of times, counts and witnesses."""

import copy

import pytest

from gasolinera.raffle.beacon import QUICKNET, TEST
from gasolinera.raffle.beacon_local import LocalBeacon
from gasolinera.raffle.verifying import Trust
from tests.raffle.bundle_maker import (
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
from tests.raffle.test_verifying_mutations import root_of
from tests.raffle.verifiers import by_all

ENTRIES = tuple(Entry(n) for n in range(8))
TRUST = Trust(chain=TEST, witness_keys=frozenset({public_half("T-000")}))


def swapped() -> tuple[Made, list[bytes]]:
    """Two draws of one manifest, whose last two leaves have one range: each shows the one that it prefers."""

    def lie(manifest: Json) -> None:
        manifest["entries"] |= {"leaves": 3, "tickets": 3, "owners": 2, "weight": 2}
        manifest["entries"] |= {"root": root_of(leaves), "list_sha256": sha256(b"".join(leaves)).hex()}

    entries = (Entry(1), Entry(2), Entry(3))
    honest = made(Draw(entries=entries, witnesses=1, signing=1))
    first, second, third = (honest.leaves[at : at + 54] for at in (0, 54, 108))
    leaves = [first, second, third[:45] + second[45:]]  # the third begins where the second does
    draw = made(Draw(entries=entries, prizes=(2,), witnesses=1, signing=1, change=lie))
    shown = Made(copy.deepcopy(draw.bundle), b"".join(leaves), draw.receipts)
    return shown, leaves


def shows(draw: Made, leaves: list[bytes], wanted: tuple[int, ...]) -> bytes:
    """The bundle in which the leaves at `wanted` are those that were drawn."""
    bundle = copy.deepcopy(draw.bundle)
    opened = {receipt["entry_hash"]: receipt for receipt in draw.receipts}
    of_list = Made(bundle, b"".join(leaves), ())
    shown = [proof_of(of_list, index, None) for index in wanted]
    bundle["leaves"] = [{name: one[name] for name in ("index", "leaf", "proof")} for one in shown]
    receipts = [opened[leaves[index][1:29].hex()] for index in wanted]
    bundle["openings"] = [
        {"index": index, "issuance_id": receipt["issuance_id"], "numbers": receipt["numbers"]}
        for index, receipt in zip(wanted, receipts, strict=True)
    ]
    for position in bundle["positions"]:
        at = min(position["point"], 1)
        position |= {"index": wanted[at], "ticket": receipts[at]["numbers"][0]}
    return canonical(sealed(bundle))


def test_two_entries_of_one_range_are_found_in_the_whole_list_and_never_verified_without_it() -> None:
    draw, leaves = swapped()
    # The last leaf must end at the weight and does, as its twin before it: each may be shown, and is good.
    bundles = [shows(draw, leaves, (0, 1)), shows(draw, leaves, (0, 2))]
    without = by_all(bundles, TRUST)
    assert 0 not in {one.code for three in without for one in three}
    assert {one.code for one in without[0]} <= {1, 3}
    for three in by_all(bundles, TRUST, [b"".join(leaves)] * 2):
        assert [(one.code, one.checks["list"]) for one in three] == [(1, "bad")] * 3


def test_a_draw_is_verified_with_its_whole_list_alone() -> None:
    draw = made(Draw(entries=ENTRIES, witnesses=1, signing=1))
    [with_it] = by_all([draw.data], TRUST, [draw.leaves])
    [without] = by_all([draw.data], TRUST)
    assert [(one.code, one.checks["list"]) for one in with_it] == [(0, "good")] * 3
    assert [(one.code, one.checks["list"]) for one in without] == [(3, "not checked")] * 3
    wrong = [draw.leaves[:-54], draw.leaves[:-1], draw.leaves + draw.leaves[-54:], b"", bytes(len(draw.leaves))]
    for three in by_all([draw.data] * len(wrong), TRUST, wrong):
        assert [(one.code, one.bad) for one in three] == [(1, {"list"})] * 3


@pytest.mark.parametrize("count", ["owners", "tickets"])
def test_counts_that_the_list_does_not_have_are_refused(count: str) -> None:
    def lie(manifest: Json) -> None:
        manifest["entries"][count] -= 1

    algorithm, weights = ("WEIGHTED", {"COUPON_REDEMPTION": 5, "BONUS": 10}) if count == "tickets" else ("RANDOM", None)
    entries = tuple(Entry(n, 2, ("COUPON_REDEMPTION", "BONUS")[n % 2]) for n in range(8))
    draw = made(Draw(entries=entries, algorithm=algorithm, weights=weights, prizes=(2,), change=lie))
    for one in by_all([draw.data], TRUST, [draw.leaves])[0]:
        assert one.code == 1
        assert "list" in one.bad


def test_witnesses_count_under_the_keys_that_the_user_has_from_elsewhere() -> None:
    draws = [
        made(Draw(entries=ENTRIES, algorithm="PROVABLY_FAIR", witnesses=2, signing=2, quorum=quorum))
        for quorum in (1, 2, 3)
    ]
    told = [
        [(one.code, one.checks["witnesses"], one.checks["evidence"]) for one in three]
        for trust in (TRUST, Trust(chain=TEST))
        for three in by_all([draw.data for draw in draws], trust, [draw.leaves for draw in draws])
    ]
    unproven, absent = (3, "not checked", "not checked"), (1, "not held", "bad")
    expected = [(0, "held", "held"), unproven, absent, unproven, unproven, absent]
    assert told == [[one] * 3 for one in expected]


def frozen_before_its_close(manifest: Json) -> None:
    manifest["raffle"]["closes_at"] = "2030-01-01T00:00:00Z"


def closed_before_it_opened(manifest: Json) -> None:
    manifest["raffle"]["opens_at"] = manifest["raffle"]["closes_at"]


def nobody_left_out_of_many(manifest: Json) -> None:
    manifest["excluded"]["entries"] = 7


def many_left_out_of_nobody(manifest: Json) -> None:
    manifest["excluded"]["sha256"] = "11" * 32


@pytest.mark.parametrize(
    "lie", [frozen_before_its_close, closed_before_it_opened, nobody_left_out_of_many, many_left_out_of_nobody]
)
def test_impossible_times_and_counts_are_refused(lie: object) -> None:
    assert callable(lie)
    said = by_all([made(Draw(entries=ENTRIES, change=lie)).data], TRUST)[0]
    assert [(one.code, one.bad) for one in said] == [(1, {"manifest"})] * 3


def test_a_draw_that_is_frozen_before_the_one_before_it_is_refused() -> None:
    def later(manifest: Json) -> None:
        manifest["frozen_at"] = "2030-01-01T00:00:00Z"

    first = made(Draw(entries=ENTRIES)).bundle
    later(first["manifest"])
    before = {"manifest": first["manifest"], "signature": signed("operator", first["manifest"])}
    said = by_all([made(Draw(entries=ENTRIES, number=2, previous=before)).data], TRUST)[0]
    assert [(one.code, one.bad) for one in said] == [(1, {"history"})] * 3


def test_a_draw_by_a_round_of_the_world_leaves_time_for_evidence() -> None:
    signature = bytes.fromhex(
        "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"
    )
    beacon = LocalBeacon(QUICKNET, 0)
    draws = [
        made(Draw(entries=ENTRIES, beacon=beacon, signature=signature, round=657413, gap_s=gap_s)).data
        for gap_s in (599, 600)
    ]
    short, enough = by_all(draws, Trust())
    assert [(one.code, one.bad) for one in short] == [(1, {"manifest"})] * 3
    assert [one.code for one in enough] == [3] * 3


@pytest.mark.timeout(60)
def test_a_bundle_that_promises_more_than_anybody_can_count_is_refused_at_once() -> None:
    """One leaf, whose owner has everything, and prizes for owners who are nowhere: every block would be skipped."""

    def promise(manifest: Json) -> None:
        many = 2**32 - 1
        manifest["entries"] |= {"leaves": many, "tickets": many, "owners": many, "weight": many}
        manifest["prizes"][0]["quantity"] = 2**50

    draw = made(Draw(entries=ENTRIES))
    promise(draw.bundle["manifest"])
    leaf = bytes.fromhex(draw.bundle["leaves"][0]["leaf"])
    draw.bundle["leaves"][0] |= {"index": 0, "leaf": (leaf[:45] + bytes(5) + b"\xff" * 4).hex()}
    bundles: list[bytes] = []
    for blocks in (1, 2**40, 100_001 + 20 * (2**32 - 1), 2**53 - 1):
        draw.bundle["blocks"] = blocks
        bundles.append(canonical(sealed(draw.bundle)))
    assert [one.code for three in by_all(bundles, TRUST) for one in three] == [1] * 12

"""Three verifiers that share no code say the same of whole draws, and of every change to one."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasolinera.raffle.beacon import QUICKNET, TEST, info_of
from gasolinera.raffle.beacon_local import LocalBeacon
from gasolinera.raffle.verifying import Trust
from tests.raffle.bundle_maker import FROZEN_AT, GAP_S, Draw, Entry, Json, Made, canonical, made, public_half
from tests.raffle.verifiers import NODE, RUNNER, SINGLE_FILE, Said, by_all, by_module, by_platform, by_single_file

WITNESSES = frozenset(public_half(f"T-{number:03}") for number in range(3))
TRUST = Trust(chain=TEST, witness_keys=WITNESSES)
ONE_OWNER = tuple(Entry(1, n) for n in (1, 3, 2))
MANY = tuple(Entry(n % 9, 1 + n % 4, ("COUPON_REDEMPTION", "BONUS", "FREE_ENTRY")[n % 3]) for n in range(40))
WEIGHTS = {"COUPON_REDEMPTION": 5, "AD_ENGAGEMENT": 1, "PROMOTIONAL": 1, "BONUS": 1000, "FREE_ENTRY": 2}
DRAWS = {
    "one entry": Draw(entries=(Entry(1),), witnesses=3, signing=2, quorum=2),
    "one entry, more prizes than tickets": Draw(entries=(Entry(1, 2),), prizes=(2, 3), one_prize_per_owner=False),
    "one owner, one prize": Draw(entries=ONE_OWNER, prizes=(1, 1), alternates=5),
    "one owner, many prizes": Draw(entries=ONE_OWNER, prizes=(1, 1), alternates=9, one_prize_per_owner=False),
    "many": Draw(entries=MANY, prizes=(1, 2, 3), alternates=10, witnesses=1, signing=1),
    "many prizes for one": Draw(entries=MANY, prizes=(5, 20), alternates=3, one_prize_per_owner=False),
    "weights": Draw(entries=MANY, prizes=(1, 2), alternates=3, algorithm="WEIGHTED", weights=WEIGHTS),
    "weights, all tickets": Draw(
        entries=MANY[:7], prizes=(99,), algorithm="WEIGHTED", weights=WEIGHTS, one_prize_per_owner=False
    ),
    "random": Draw(entries=MANY, prizes=(1, 2), alternates=30, algorithm="RANDOM"),
    "random, many prizes for one": Draw(
        entries=MANY, prizes=(1, 2), alternates=30, algorithm="RANDOM", one_prize_per_owner=False
    ),
    "fair": Draw(entries=MANY, algorithm="PROVABLY_FAIR", prizes=(2,), witnesses=2, signing=2, quorum=2, seed=2),
    "not proven": Draw(entries=MANY, algorithm="PROVABLY_FAIR", witnesses=2, signing=1, quorum=2),
    "witnessed late": Draw(entries=MANY, witnesses=1, signing=1, signed_at=FROZEN_AT + GAP_S),
    "witnessed in the last second": Draw(entries=MANY, witnesses=1, signing=1, signed_at=FROZEN_AT + GAP_S - 1),
    "quorum of none": Draw(entries=MANY, witnesses=1, quorum=0),
}
CODES = {"one entry": 0, "many": 0, "fair": 0, "not proven": 1, "witnessed in the last second": 0}


def same(said: tuple[Said, Said, Said]) -> Said:
    """What all three say. They need not find the same check bad first."""
    platform, single, module = said
    assert platform.code == single.code == module.code, said
    assert [*platform.checks] == [*single.checks] == [*module.checks]
    return platform


@pytest.fixture(scope="module")
def draws() -> dict[str, Made]:
    return {name: made(draw) for name, draw in DRAWS.items()}


def test_three_verifiers_say_the_same_of_every_kind_of_draw(draws: dict[str, Made]) -> None:
    said = by_all([draw.data for draw in draws.values()], TRUST, [draw.leaves for draw in draws.values()])
    for (name, draw), three in zip(draws.items(), said, strict=True):
        assert same(three).code == CODES.get(name, 3), (name, three)
        assert three[0].checks == three[1].checks == three[2].checks, name
        assert three[0].bad == ({"evidence"} if name == "not proven" else set[str]()), (name, draw.bundle["blocks"])


def test_a_draw_that_follows_another_names_it(draws: dict[str, Made]) -> None:
    first = draws["many"]
    before = {"manifest": first.bundle["manifest"], "signature": first.bundle["signature"]}
    second = made(Draw(entries=MANY, number=2, previous=before, seed=3))
    skipping = made(Draw(entries=MANY, number=3, previous=before, seed=3))
    alone = made(Draw(entries=MANY, number=2, seed=3))
    said = by_all([second.data, skipping.data, alone.data], TRUST)
    assert same(said[0]).code == 3
    for refused in said[1:]:
        assert same(refused).code == 1
        assert all(one.bad == {"history"} for one in refused)


def test_a_real_round_of_drand_draws_and_other_chains_are_not_trusted(draws: dict[str, Made]) -> None:
    signature = bytes.fromhex(
        "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"
    )
    real = made(
        Draw(entries=MANY, prizes=(3,), beacon=LocalBeacon(QUICKNET, 0), signature=signature, round=657413, gap_s=600)
    )
    assert same(by_all([real.data], Trust())[0]).code == 3
    for trust, data in ((TRUST, real.data), (Trust(), draws["many"].data)):
        said = by_all([data], trust)[0]
        assert same(said).code == 1
        assert all(one.bad == {"chain", "round"} for one in said)


def test_what_the_user_names_is_compared(draws: dict[str, Made]) -> None:
    draw = draws["not proven"]
    kept = draw.manifest_sha256.hex()
    good = Trust(chain=TEST, operator_keys=frozenset({public_half("operator")}), kept_manifest=kept)
    said = same(by_all([draw.data], good, [draw.leaves])[0])
    assert (said.code, said.checks["operator-key"], said.checks["kept-manifest"]) == (0, "good", "held")
    for trust, name in (
        (Trust(chain=TEST, operator_keys=frozenset({public_half("another")}), kept_manifest=kept), "operator-key"),
        (Trust(chain=TEST, kept_manifest="0" * 64), "kept-manifest"),
    ):
        wrong = by_all([draw.data], trust)[0]
        assert same(wrong).code == 1
        assert all(name in one.bad for one in wrong)


ENTRIES = st.lists(
    st.builds(Entry, st.integers(0, 5), st.integers(1, 5), st.sampled_from(sorted(WEIGHTS))), min_size=1, max_size=14
)


def test_any_list_with_any_prizes_is_verified_by_all() -> None:
    """Node takes them all at once: a process for each would take minutes."""
    found: list[bytes] = []

    @settings(max_examples=60, deadline=None)
    @given(
        entries=ENTRIES,
        prizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
        alternates=st.integers(0, 4),
        algorithm=st.sampled_from(["MERKLE_TREE", "WEIGHTED", "RANDOM"]),
        once=st.booleans(),
        seed=st.integers(0, 2**32),
    )
    def verified(
        entries: list[Entry], prizes: list[int], alternates: int, algorithm: str, once: bool, seed: int
    ) -> None:
        draw = Draw(
            entries=tuple(entries),
            prizes=tuple(prizes),
            alternates=alternates,
            algorithm=algorithm,
            weights=WEIGHTS if algorithm == "WEIGHTED" else None,
            one_prize_per_owner=once,
            seed=seed,
        )
        data = made(draw).data
        assert by_platform(data, TRUST).code == by_single_file(data, TRUST).code == 3
        found.append(data)

    verified()
    assert {said.code for said in by_module(found, TRUST)} == {3}


def test_the_single_file_runs_alone_in_an_empty_folder(draws: dict[str, Made], tmp_path: Path) -> None:
    copy(SINGLE_FILE, tmp_path)
    (tmp_path / "bundle.json").write_bytes(draws["many"].data)
    (tmp_path / "chain.json").write_bytes(info_of(TEST))
    (tmp_path / "list.bin").write_bytes(draws["many"].leaves)
    command = [sys.executable, "verify_draw.py", "bundle.json", "--entries", "list.bin", "--chain", "chain.json"]
    command += ["--witness-key", public_half("T-000")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nVERIFIED\n")
    for wrong in (draws["many"].data[:-1], b"[" * 100_000):
        (tmp_path / "bundle.json").write_bytes(wrong)
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={})
        assert (done.returncode, done.stderr) == (1, "")
    lines = SINGLE_FILE.read_text().splitlines()
    assert [line for line in lines if "gasolinera." in line] == []


def test_the_module_runs_under_node_and_needs_nothing_of_it(draws: dict[str, Made], tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_bytes(draws["one owner, one prize"].data)
    done = subprocess.run([NODE, RUNNER, tmp_path / "bundle.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, "the test beacon is not quicknet"
    assert "REFUSED" in done.stdout
    module = RUNNER.with_name("verify_draw.mjs").read_text()
    assert "node:" not in module
    assert "process" not in module.replace("processed", "")


def test_a_hundred_winners_are_one_bundle_like_others() -> None:
    entries = tuple(Entry(n, 1 + n % 3) for n in range(600))
    data = made(Draw(entries=entries, prizes=(1, 9, 90), alternates=20)).data
    [said] = by_module([data], TRUST)
    assert said.code == 3


def test_libraries_that_are_missing_make_it_slower_and_no_laxer(draws: dict[str, Made], tmp_path: Path) -> None:
    """py_ecc instead of drand-verify; no rfc3161-client: timestamps are not checked, and never held."""
    copy(SINGLE_FILE, tmp_path)
    for name in ("drand_verify", "rfc3161_client"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    data = draws["many"].data
    (tmp_path / "good.json").write_bytes(data)
    signature = draws["many"].bundle["beacon"]["signature"]
    other = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    (tmp_path / "bad.json").write_bytes(data.replace(signature.encode(), other.encode()))
    (tmp_path / "chain.json").write_bytes(info_of(TEST))
    for name, code in (("good", 3), ("bad", 1)):
        command = [sys.executable, "verify_draw.py", f"{name}.json", "--chain", "chain.json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={})
        assert (done.returncode, done.stderr) == (code, ""), done.stdout


def test_two_chances_of_one_person_in_a_random_draw_are_refused_by_all() -> None:
    """The counts are lied about too, so that nothing else is wrong."""

    def lie(manifest: Json) -> None:
        manifest["entries"]["owners"] = manifest["entries"]["weight"]

    entries = tuple(Entry(n % 3) for n in range(12))
    draw = Draw(
        entries=entries, prizes=(12,), algorithm="RANDOM", one_prize_per_owner=False, two_chances=True, change=lie
    )
    said = by_all([made(draw).data], TRUST)[0]
    assert same(said).code == 1
    assert all(one.bad == {"leaves"} for one in said)


def change_of(path: tuple[str | int, ...], value: object) -> Callable[[Json], None]:
    """What an operator writes into a manifest before he signs it and draws by it."""

    def change(manifest: Json) -> None:
        parent: Any = manifest
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = value

    return change


STRANGE: list[tuple[tuple[str | int, ...], object, int]] = [
    (("prizes", 0, "quantity"), 2**53 - 1, 1),  # units that fit into no memory
    (("alternates",), 2**53 - 1, 1),
    (("prizes", 0, "name"), "😀" * 4000, 3),
    (("prizes", 0, "name"), "😀" * 4001, 1),
    (("prizes", 0, "name"), "", 1),
    (("raffle", "code"), "R" * 256, 1),
    (("raffle", "code"), "ñ", 1),
    (("raffle", "opens_at"), "2026-02-30T00:00:00Z", 1),
    (("raffle", "opens_at"), "2026-01-01T24:00:00Z", 1),
    (("raffle", "opens_at"), "1969-12-31T23:59:59Z", 1),
    (("raffle", "opens_at"), "9999-12-31T23:59:59Z", 1),
    (("raffle", "opens_at"), "٢026-01-01T00:00:00Z", 1),
    (("entries", "owners"), 2**40, 1),
    (("entries", "tickets"), 2**53 - 1, 1),
    (("beacon", "genesis_time"), 2**53 - 1, 1),
    (("beacon", "period_s"), 2**40, 1),
    (("evidence", "gap_s"), 2**53 - 1, 1),
    (("evidence", "quorum"), 2**53 - 1, 3),
    (("weights",), {"BONUS": 1}, 1),
    (("weights",), {}, 1),
]


def test_strange_manifests_that_an_operator_signs_break_no_verifier() -> None:
    bundles: list[bytes] = []
    for path, value, _ in STRANGE:
        bundles.append(made(Draw(entries=MANY[:6], alternates=1, change=change_of(path, value))).data)
    for (path, value, code), said in zip(STRANGE, by_all(bundles, TRUST), strict=True):
        assert {one.code for one in said} == {code}, (path, str(value)[:40], said)


def test_noise_is_refused_and_nothing_breaks() -> None:
    dice = random.Random(5)  # noqa: S311  the same each time
    noise = [b"", b"{}", b"[]", b"null", b"1", b"[" * 2_000, b"\xff", b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b"NaN"]
    noise += [dice.randbytes(n) for n in range(1, 40)]
    noise += [canonical({"format": "gasolinera-draw-bundle-1"}), b'{"__proto__":{}}']
    for said in by_all(noise, TRUST):
        assert same(said).checks == {"format": "bad"}

"""What goes with a bundle: the whole list, who was left out, proofs and receipts."""

import copy
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gasolinera.cli.raffle import app
from gasolinera.errors import ConfigError
from gasolinera.raffle.beacon import TEST, info_of
from gasolinera.raffle.verifying import Trust, verify_bundle
from gasolinera.raffle.verifying_lists import Extras, verify_extras, wanted_by
from gasolinera.raffle.verifying_whole import Seen
from tests.raffle import mutations
from tests.raffle.bundle_maker import (
    Draw,
    Entry,
    Json,
    Made,
    canonical,
    made,
    proof_of,
    public_half,
    sha256,
    signed,
)
from tests.raffle.verifiers import NODE, RUNNER, SINGLE_FILE, by_module

MANY = tuple(Entry(n % 9, 1 + n % 4, ("COUPON_REDEMPTION", "BONUS")[n % 2]) for n in range(300))
WEIGHTS = {"COUPON_REDEMPTION": 2, "BONUS": 7}


@pytest.fixture(scope="module")
def whole() -> Made:
    return made(Draw(entries=MANY, prizes=(2,), alternates=1, witnesses=1, signing=1))


def outcomes(draw: Made, *, entries: bytes | None = None, **given: Any) -> dict[str, tuple[str, str]]:
    extras = Extras(**given)
    seen = Seen(wanted=wanted_by(extras.receipt))
    report = verify_bundle(draw.data, Trust(chain=TEST), None if entries is None else io.BytesIO(entries), seen)
    assert report.manifest is not None
    checks = [*report.checks, *verify_extras(report.manifest, extras, seen)]
    return {check.name: (check.outcome, check.words) for check in checks}


def signed_receipt(receipt: Json, *, key: str = "operator") -> bytes:
    return json.dumps({"signature": signed(key, receipt), "receipt": receipt}, indent=1).encode()


def opened(draw: Made, index: int) -> Json:
    """A proof with the numbers of the entry at `index`."""
    leaf = draw.leaves[index * 54 : index * 54 + 54]
    receipt = next(one for one in draw.receipts if one["entry_hash"] == leaf[1:29].hex())
    return proof_of(draw, index, {name: receipt[name] for name in ("issuance_id", "numbers")})


@pytest.mark.parametrize("algorithm", ["MERKLE_TREE", "WEIGHTED", "RANDOM"])
def test_the_whole_list_is_looked_through_and_a_changed_one_refused(algorithm: str) -> None:
    weights = WEIGHTS if algorithm == "WEIGHTED" else None
    draw = made(Draw(entries=MANY, prizes=(2,), algorithm=algorithm, weights=weights))
    good = draw.leaves
    assert outcomes(draw, entries=good)["list"][0] == "good"
    shown = draw.bundle["leaves"][0]["index"] * 54
    for wrong in (
        b"",
        good[:-54],
        good[:-1],
        good + good[-54:],
        good + b"\0",
        good[54:108] + good[:54] + good[108:],
        good[: 54 * 256] + good[54 * 257 :],
        *(
            good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
            for at in (0, 5, 40, 49, 53, 54 * 299, shown, len(good) - 1)
        ),
    ):
        assert outcomes(draw, entries=wrong)["list"][0] == "bad"


def test_who_was_left_out_is_told_with_the_reason() -> None:
    entry, other = "11" * 28, "22" * 28
    data = f"{entry} UNVERIFIED\n{other} EXCLUDED_PERSON\n".encode()
    draw = made(Draw(entries=MANY[:5]))
    manifest = draw.bundle["manifest"]
    manifest["excluded"] = {"entries": 2, "sha256": sha256(data).hex()}
    assert outcomes(draw, excluded=data)["excluded"][0] == "good"
    assert outcomes(draw, excluded=data[:-1])["excluded"][0] == "bad"
    manifest["excluded"] = {"entries": 3, "sha256": sha256(data).hex()}
    assert outcomes(draw, excluded=data)["excluded"][0] == "bad"
    for wrong in (
        b"x y z\n",
        f"{other} UNVERIFIED\n{entry} UNVERIFIED\n".encode(),
        f"{entry} LAZY\n".encode(),
        b"\xff\n",
    ):
        manifest["excluded"] = {"entries": wrong.count(b"\n"), "sha256": sha256(wrong).hex()}
        assert outcomes(draw, excluded=wrong)["excluded"][0] == "bad"


def test_a_proof_is_good_and_every_change_of_it_refused(whole: Made) -> None:
    for index in (0, 7, 255, 256, 299):
        for proof in (proof_of(whole, index, None), opened(whole, index)):
            assert outcomes(whole, proof=canonical(proof))["proof"][0] == "good"
    proof = opened(whole, 298)
    small = {name: proof[name] for name in ("index", "leaf", "proof", "opening", "signature")}
    changes = [
        *mutations.of_values(small),
        *mutations.of_structure(small),
    ]
    found = [canonical(proof | json.loads(data)) for _, data in changes if data != canonical(small)]
    manifest = made(Draw(entries=MANY[:9])).bundle
    found += [canonical(proof | {name: manifest[name] for name in ("manifest", "signature")}), canonical(proof) + b" "]
    found = [data for data in found if data != canonical(proof) and json.loads(data)["opening"] is not None]
    assert len(found) > 100
    for data in found:
        assert outcomes(whole, proof=data)["proof"][0] == "bad", data
    of_node = by_module([whole.data] * len(found), Trust(chain=TEST), found)
    assert {(said.code, said.checks["proof"]) for said in of_node} == {(1, "bad")}
    assert outcomes(whole, proof=canonical(proof) + b"\n")["proof"][0] == "good", "as it is printed"
    [said] = by_module([whole.data], Trust(chain=TEST), [canonical(proof) + b"\n"])
    assert (said.code, said.checks["proof"]) == (3, "good")


def test_a_receipt_is_found_in_the_list_or_in_a_proof(whole: Made) -> None:
    proof = opened(whole, 17)
    [receipt] = [one for one in whole.receipts if one["issuance_id"] == proof["opening"]["issuance_id"]]
    data = signed_receipt(receipt)
    assert outcomes(whole, receipt=data)["receipt"][0] == "not checked"
    assert outcomes(whole, receipt=data, proof=canonical(proof))["receipt"] == (
        "good",
        f"a genuine receipt for {len(receipt['numbers'])} tickets; they are entry 17 of the list",
    )
    assert outcomes(whole, receipt=data, entries=whole.leaves)["receipt"][0] == "good"
    assert outcomes(whole, receipt=data, proof=canonical(opened(whole, 18)))["receipt"][0] == "not checked"


def test_a_receipt_that_is_forged_or_not_in_the_list_is_refused(whole: Made) -> None:
    receipt = whole.receipts[0]
    another_key = copy.deepcopy(receipt)
    another_key["operator"] = {"key_id": 8, "public_key": public_half("another")}
    gone = copy.deepcopy(another_key) | {"entry_hash": "11" * 28}
    named = frozenset({public_half("another")})
    for data, keys, outcome in (
        (another_key, frozenset[str](), "not checked"),
        (another_key, named, "good"),
        (gone, frozenset[str](), "not checked"),
        (gone, named, "bad"),
    ):
        receipt_data = signed_receipt(data, key="another")
        found = outcomes(whole, receipt=receipt_data, entries=whole.leaves, operator_keys=keys)["receipt"]
        assert found[0] == outcome, found
    missing = copy.deepcopy(receipt) | {"entry_hash": "00" * 28}
    elsewhere = copy.deepcopy(receipt) | {"raffle": "RAF-2027"}
    other_numbers = copy.deepcopy(receipt) | {"numbers": ["TKT" + "0" * 16]}
    other_owner = copy.deepcopy(receipt) | {"owner_tag": "00" * 16}
    for data in (
        signed_receipt(receipt, key="another"),
        signed_receipt(missing),
        signed_receipt(elsewhere),
        signed_receipt(other_numbers),
        signed_receipt(other_owner),
        signed_receipt(receipt).replace(b"BONUS", b"PROMO").replace(b"COUPON_REDEMPTION", b"BONUS"),
        b"{}",
        b"\xff",
    ):
        found = outcomes(whole, receipt=data, entries=whole.leaves)
        assert (found["list"][0], found["receipt"][0]) == ("good", "bad"), data


def test_the_command_says_each_check_and_ends_with_the_code_of_the_verdict(whole: Made, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["verify", *arguments])
        return done.exit_code, done.output

    bundle = tmp_path / "bundle.json"
    bundle.write_bytes(whole.data)
    (tmp_path / "chain.json").write_bytes(info_of(TEST))
    (tmp_path / "list.bin").write_bytes(whole.leaves)
    (tmp_path / "proof.json").write_bytes(canonical(opened(whole, 3)))
    command = [str(bundle), "--chain", str(tmp_path / "chain.json"), "--operator-key", public_half("operator")]
    assert run(*command)[0] == 3
    command += ["--operator-key", public_half("another"), "--witness-key", public_half("T-000")]
    assert run(*command)[0] == 3
    code, output = run(*command, "--entries", str(tmp_path / "list.bin"))
    assert code == 0
    assert "VERIFIED" in output
    assert "TEST BEACON" in output
    code, output = run(str(bundle))
    assert (code, "REFUSED" in output) == (1, True)
    extras = ("--entries", str(tmp_path / "list.bin"), "--proof", str(tmp_path / "proof.json"))
    extras += ("--witness-key", public_half("T-000"))
    code, output = run(str(bundle), "--chain", "test", *extras, "--json")
    answer = json.loads(output)
    assert (code, answer["verdict"], answer["is_test"]) == (0, "verified", True)
    assert {check["name"]: check["outcome"] for check in answer["checks"]}["list"] == "good"
    (tmp_path / "list.bin").write_bytes(whole.leaves[:-54])
    code, output = run(str(bundle), "--chain", "test", *extras, "--json")
    assert (code, json.loads(output)["verdict"]) == (1, "refused")
    late = made(Draw(entries=MANY[:9], name="\x1b[31m[red]not red"))
    bundle.write_bytes(late.data)
    code, output = run(str(bundle), "--chain", "test")
    assert code == 3
    assert "CONSISTENT" in output
    assert "?[31m[red]not red" in output


def test_what_cannot_be_read_is_not_refused_and_ends_with_another_code(whole: Made, tmp_path: Path) -> None:
    bundle, nothing, noise = tmp_path / "bundle.json", tmp_path / "nothing", tmp_path / "noise"
    bundle.write_bytes(whole.data)
    noise.write_text("no certificate, and no chain")
    for arguments in (
        [str(nothing)],
        [str(bundle), "--tsa-root", str(nothing)],
        [str(bundle), "--tsa-root", str(noise)],
        [str(bundle), "--chain", str(noise)],
        [str(bundle), "--chain", str(nothing)],
        [str(bundle), "--operator-key", "key"],
        [str(bundle), "--kept-manifest", "00"],
    ):
        assert CliRunner().invoke(app, ["verify", *arguments]).exit_code == 2, arguments
        done = subprocess.run([sys.executable, SINGLE_FILE, *arguments], capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (2, b""), arguments
    done = subprocess.run([sys.executable, SINGLE_FILE, bundle, "--entries", nothing], capture_output=True, check=False)
    assert done.returncode == 2
    for option in ("--entries", "--excluded", "--proof", "--receipt"):
        assert CliRunner().invoke(app, ["verify", str(bundle), option, str(nothing)]).exit_code == 2
    for arguments in ([str(nothing)], [str(bundle), str(nothing)], [str(bundle), str(noise), "no JSON"]):
        assert subprocess.run([NODE, RUNNER, *arguments], capture_output=True, check=False).returncode == 2


def test_production_serves_no_test_beacon() -> None:
    production = {
        "GASOLINERA_ENVIRONMENT": "production",
        "GASOLINERA_KEYS_FILE": "keys.json",
        "GASOLINERA_SMS_SENDER": "http",
        "GASOLINERA_SMS_GATEWAY_URL": "https://sms.example",
        "GASOLINERA_SMS_GATEWAY_SECRET": "s" * 32,
        "GASOLINERA_PUBLIC_URL": "https://gasolinera.example",
        "GASOLINERA_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    }
    done = CliRunner().invoke(app, ["test-beacon", "--port", "0"], env=production)
    assert isinstance(done.exception, ConfigError)
    assert done.exception.code == "beacon.test"

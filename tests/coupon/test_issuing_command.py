"""`gasolinera coupons`: as an operator runs it."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]
Environment = dict[str, str]


def run(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("gasolinera"))
    return subprocess.run(
        [program, "coupons", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_coupons_are_issued_exported_and_printed(
    process_environment: Environment, admin: Admin, tmp_path: Path
) -> None:
    new_campaign(admin)
    issued = run(process_environment, "issue", "TEST", "12345", "--json", "--valid-until", "2099-06-01")
    assert issued.returncode == 0, issued.stderr
    batch = json.loads(issued.stdout)
    assert (batch["status"], batch["issued_count"]) == ("COMPLETED", 12345)
    assert batch["valid_until"].startswith("2099-06-01T00:00:00")
    row = admin.execute(
        "SELECT count(*), count(DISTINCT coupon_code) FROM coupon_schema.coupons WHERE valid_until = '2099-06-01Z'"
    )
    assert row.fetchone() == (12345, 12345)

    table = tmp_path / "coupons.csv"
    exported = run(process_environment, "export", "--batch", batch["batch_id"], "-o", str(table))
    assert (exported.returncode, exported.stdout) == (0, "")
    assert len(list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))) == 12345

    folder = tmp_path / "sheets"
    printed = run(
        process_environment, "print", batch["batch_id"], "--first", "12000", "--paper", "a4", "-o", str(folder)
    )
    assert printed.returncode == 0, printed.stderr
    files = printed.stdout.split()
    assert [Path(file).read_bytes()[:4] for file in files] == [b"%PDF"]
    actors = admin.execute(
        "SELECT action, actor FROM coupon_schema.coupon_audit_log"
        " WHERE campaign_code = 'TEST' AND action LIKE 'COUPONS%' ORDER BY id"
    ).fetchall()
    assert actors == [
        ("COUPONS_ISSUED", "command:coupons issue"),
        ("COUPONS_EXPORTED", "command:coupons export"),
        ("COUPONS_EXPORTED", "command:coupons print"),
    ]


def test_a_batch_that_nobody_waits_for_is_gone_on_with(process_environment: Environment, admin: Admin) -> None:
    new_campaign(admin)
    asked = json.loads(run(process_environment, "issue", "TEST", "5", "--no-wait", "--json").stdout)
    assert (asked["status"], asked["issued_count"]) == ("ISSUING", 0)
    resumed = json.loads(run(process_environment, "resume", asked["batch_id"], "--json").stdout)
    assert (resumed["status"], resumed["issued_count"]) == ("COMPLETED", 5)
    other = json.loads(run(process_environment, "issue", "TEST", "5", "--no-wait", "--json").stdout)
    admin.execute(
        "UPDATE coupon_schema.coupon_batches SET status = 'CANCELLED', finished_at = now() WHERE finished_at IS NULL"
    )
    cancelled = run(process_environment, "resume", other["batch_id"], "--json")
    assert (cancelled.returncode, json.loads(cancelled.stdout)["status"]) == (1, "CANCELLED")
    assert "was cancelled" in cancelled.stderr


def test_what_cannot_be_is_told_in_a_sentence_and_leaves_no_file(
    process_environment: Environment, admin: Admin, tmp_path: Path
) -> None:
    new_campaign(admin, status="DRAFT")
    for arguments, words in (
        (("issue", "NOBODY", "5"), "there is no campaign"),
        (("issue", "TEST", "5"), "ACTIVE or PAUSED"),
        (("issue", "lower case", "5"), "no coupons can be issued like this"),
        (("export", "NOBODY", "-o", str(tmp_path / "none.csv")), "there is no campaign"),
        (("export",), "name a campaign"),
        (("print", "b3b4f6de-4d0e-4c11-9a54-0b5e7c1b8f60"), "there is no batch"),
    ):
        refused = run(process_environment, *arguments)
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: ")
        assert words in refused.stderr
    assert list(tmp_path.glob("*.csv")) == []

"""`gasolinera ads` as an operator runs it: a process of its own against a real database."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gasolinera.config import Settings
from tests.ads import media_files as files
from tests.ads.desk import AUTHOR, SECOND, Admin, make_ad, make_campaign, nothing_else_runs

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ads(settings: Settings) -> Command:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_ADS_DATABASE_URL": settings.service_url("ads"),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("gasolinera")), "ads", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)  # noqa: PLW1510

    return run


@pytest.mark.timeout(300)  # a dozen commands, each a process of its own
def test_an_operator_lists_approves_explains_and_brings_in_media(ads: Command, admin: Admin, tmp_path: Path) -> None:
    nothing_else_runs(admin)
    campaign_id, code = make_campaign(admin)
    ad_id = make_ad(
        admin, campaign_id, status="DRAFT", approval_status="PENDING", reviewed_by=None, reviewed_at=None,
        submitted_at="2026-11-01",
    )  # fmt: skip
    found = admin.execute("SELECT public_id::text FROM ad_schema.advertisements WHERE id = %s", (ad_id,)).fetchone()
    assert found is not None
    public_id = found[0]

    listed = json.loads(ads("campaigns", "--status", "ACTIVE", "--json").stdout)
    assert [one["campaign_code"] for one in listed] == [code]
    assert [one["public_id"] for one in json.loads(ads("list", code, "--waiting", "--json").stdout)] == [public_id]
    assert json.loads(ads("show", code.lower(), "--json").stdout)["total_budget"] == "1000000.00"

    own = ads("approve", public_id, "--by", str(AUTHOR))
    assert (own.returncode, own.stderr.splitlines()[-1]) == (
        1,
        "error: who made or changed an advertisement does not review it",
    )
    assert json.loads(ads("approve", public_id, "--by", str(SECOND), "--json").stdout)["approval_status"] == "APPROVED"
    explained = json.loads(ads("serve", "--explain", "--user", str(AUTHOR), "--station", "JSM001", "--json").stdout)
    assert explained["chosen"] is None
    assert explained["counts"]["AD_DRAFT"] == 1
    assert [one["reason"] for one in explained["judged"] if one["public_id"] == public_id] == ["AD_DRAFT"]
    admin.execute("UPDATE ad_schema.advertisements SET status = 'ACTIVE' WHERE id = %s", (ad_id,))
    assert ads("serve", "--user", str(AUTHOR)).stdout.startswith(public_id)

    path = tmp_path / "tone.wav"
    path.write_bytes(files.tone())
    stored = json.loads(ads("media", "add", str(path), "--json").stdout)
    assert stored["sha256"] == hashlib.sha256(files.tone()).hexdigest()
    (tmp_path / "tone.png").write_bytes(files.tone())
    lying = ads("media", "add", str(tmp_path / "tone.png"))
    assert lying.returncode == 1
    assert "audio/wav" in lying.stderr

"""The authority of the day stamps what it is asked to, and is believed only where its root is."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gasolinera.errors import InputError
from gasolinera.raffle.timestamps import checked, question
from gasolinera.simulation.authority import answer, make_authority

NOW = datetime.now(UTC).replace(microsecond=0)
MANIFEST = b'{"draw_number":1}'


def test_what_it_stamps_holds_under_its_own_root_alone() -> None:
    ours, other = make_authority(NOW), make_authority(NOW)
    asked = question(MANIFEST)
    stamped = answer(ours, asked.as_bytes(), NOW)
    assert checked(stamped, asked, MANIFEST, [ours.root]).generated_at == NOW
    with pytest.raises(InputError, match="not good"):
        checked(stamped, asked, MANIFEST, [other.root])
    with pytest.raises(InputError, match="not good"):
        checked(stamped, asked, MANIFEST + b" ", [ours.root])
    with pytest.raises(InputError, match="not good"):
        checked(stamped, question(MANIFEST), MANIFEST, [ours.root])


def test_another_program_believes_it_too(tmp_path: Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl")
    ours, asked = make_authority(NOW), question(MANIFEST)
    token = checked(answer(ours, asked.as_bytes(), NOW), asked, MANIFEST, [ours.root]).token
    for name, content in (("token", token), ("manifest", MANIFEST), ("root.pem", ours.root_pem)):
        (tmp_path / name).write_bytes(content)
    command = [program, "ts", "-verify", "-data", "manifest", "-in", "token", "-token_in", "-CAfile", "root.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Verification: OK" in done.stdout) == (0, True), done.stderr


def test_a_certificate_is_good_for_its_day() -> None:
    ours, asked = make_authority(NOW - timedelta(days=3)), question(MANIFEST)
    late = answer(ours, asked.as_bytes(), NOW)
    with pytest.raises(InputError, match="not good"):
        checked(late, asked, MANIFEST, [ours.root])


@pytest.mark.parametrize("cut", [0, 1, 20, 60])
def test_what_is_no_question_gets_no_stamp(cut: int) -> None:
    whole = question(MANIFEST).as_bytes()
    with pytest.raises(InputError):
        answer(make_authority(NOW), whole[:cut], NOW)
    md5 = bytes.fromhex(
        "303402010130203 00c06082a864886f70d02050500041000000000000000000000000000000000".replace(" ", "")
    )
    with pytest.raises(InputError):
        answer(make_authority(NOW), md5, NOW)

"""`gasolinera keys`: a ring's life on the command line, and two commands at the same moment."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from gasolinera.config import Environment
from gasolinera.key_file import PURPOSES, read_key_file

GASOLINERA = str(Path(sys.executable).with_name("gasolinera"))


def keys(folder: Path, *arguments: str, answer: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GASOLINERA, "keys", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "GASOLINERA_KEYS_FILE": "ring.json"} | environment,
        input=answer,
        text=True,
        capture_output=True,
        check=False,
    )


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    listed: list[dict[str, Any]] = json.loads(done.stdout)
    return {f"{one['purpose']} {one['id']}": one["state"] for one in listed}


def test_the_life_of_a_ring(tmp_path: Path) -> None:
    made = keys(tmp_path, "generate", "--environment", "production", "--json")
    assert states(made) == {f"{purpose} 1": "current" for purpose in PURPOSES}
    assert (tmp_path / "ring.json").stat().st_mode & 0o777 == 0o600
    again = keys(tmp_path, "generate")
    assert (again.returncode, "already" in again.stderr) == (1, True)

    waiting = states(keys(tmp_path, "rotate", "token", "--json"))
    assert (waiting["token 1"], waiting["token 2"]) == ("current", "waiting")
    hurried = states(keys(tmp_path, "rotate", "token", "--overlap", "0", "--json"))
    assert (hurried["token 1"], hurried["token 2"]) == ("accepted", "current")

    for number, text in (("2", "in use"), ("7", "no token key")):
        refused = keys(tmp_path, "retire", "token", number, "--yes")
        assert (refused.returncode, text in refused.stderr) == (1, True)
    unsure = keys(tmp_path, "retire", "token", "1", answer="no\n")
    assert (unsure.returncode, "nothing was changed" in unsure.stderr) == (1, True)
    ended = states(keys(tmp_path, "retire", "token", "1", "--json", answer="token 1\n"))
    assert ended["token 1"] == "retired"
    assert states(keys(tmp_path, "list", "--json")) == ended
    assert keys(tmp_path, "check", "-e", "production").returncode == 0


def test_nothing_prints_a_secret(tmp_path: Path) -> None:
    printed = [keys(tmp_path, *command) for command in (["generate"], ["list", "--json"], ["rotate", "otp"], ["check"])]
    ring = json.loads((tmp_path / "ring.json").read_text())
    assert len(ring["keys"]) == len(PURPOSES) + 1
    for done in printed:
        assert done.returncode == 0, done.stderr
        assert not any(key["secret"] in done.stdout + done.stderr for key in ring["keys"])


def test_a_wrong_use_is_said_so(tmp_path: Path) -> None:
    for command, text in (
        (["list"], "there is no key ring"),
        (["rotate", "everything"], "there is no key ring"),
        (["generate", "--purpose", "everything"], "no purpose of a key"),
    ):
        done = keys(tmp_path, *command)
        assert (done.returncode, text in done.stderr) == (1, True), done.stderr
    nowhere = keys(tmp_path, "generate", GASOLINERA_ENVIRONMENT="production", GASOLINERA_KEYS_FILE="")
    assert (nowhere.returncode, "name it with --file" in nowhere.stderr) == (1, True)
    keys(tmp_path, "generate", "--purpose", "otp")
    lacking = keys(tmp_path, "check")
    assert (lacking.returncode, "no key in use for" in lacking.stderr) == (1, True)


def test_commands_at_the_same_moment_do_not_forget_each_others_keys(tmp_path: Path) -> None:
    keys(tmp_path, "generate", "-e", "test")
    wanted = ("otp", "cursor", "service", "phone")
    started = [
        subprocess.Popen([GASOLINERA, "keys", "rotate", purpose, "--file", "ring.json"], cwd=tmp_path,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for purpose in wanted
    ]  # fmt: skip
    assert [process.wait(timeout=60) for process in started] == [0] * len(wanted)
    ring = read_key_file(tmp_path / "ring.json", Environment.TEST)
    counted = Counter(key.purpose for key in ring.keys)
    assert {purpose for purpose, number in counted.items() if number == 2} == set(wanted)

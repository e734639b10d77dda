"""The file of keys: what is not to be trusted, what a running process takes over, and that nothing is lost."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from gasolinera.config import Environment, Settings
from gasolinera.errors import ConfigError, ConflictError, UnauthenticatedError
from gasolinera.key_file import PURPOSES, KeyFile, Purpose, new_keys, read_key_file, rotated, write_key_file
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token, verify_access_token
from gasolinera.service_tokens import issue_service_token, verify_service_token

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALLER = Caller(role=Role.CUSTOMER, user_id=uuid4(), session_id=uuid4())
Change = Callable[[dict[str, Any]], object]

UNFIT: list[tuple[Change, str]] = [
    (lambda data: data["keys"][0].update({"secret": "c2hvcnQ="}), "keys.weak"),
    (lambda data: data["keys"][0].update({"secret": "A" * 43 + "="}), "keys.weak"),
    (lambda data: data["keys"][0].update({"secret": "Y2hhbmdlbWVjaGFuZ2VtZWNoYW5nZW1lY2hhbmdlbWU="}), "keys.weak"),
    (lambda data: data["keys"][0].update({"secret": data["keys"][1]["secret"]}), "keys.weak"),
    (lambda data: data["keys"].append(data["keys"][0]), "keys.weak"),
    (lambda data: data["keys"][0].update({"retired_at": "2020-01-01T00:00:00Z"}), "keys.weak"),
    (lambda data: data["keys"][0].update({"id": 0}), "keys.malformed"),
    (lambda data: data["keys"][0].update({"id": 40_000}), "keys.malformed"),
    (lambda data: data["keys"][0].update({"purpose": "everything"}), "keys.malformed"),
    (lambda data: data["keys"][0].update({"active_from": "2026-11-22T12:00:00"}), "keys.malformed"),
    (lambda data: data["keys"][0].update({"secret": "not base64!"}), "keys.malformed"),
    (lambda data: data.update({"version": 2}), "keys.malformed"),
    (lambda data: data.update({"more": 1}), "keys.malformed"),
    (lambda data: data.clear(), "keys.malformed"),
    (lambda data: data["keys"].pop(2), "keys.purpose_missing"),
]


def settings_of(path: Path, environment: str = "test") -> Settings:
    return Settings.model_validate({"environment": environment, "keys_file": path})


def written(path: Path, change: Change = lambda _: None) -> Path:
    ring = KeyFile(environment=Environment.TEST, keys=new_keys(PURPOSES, NOW))
    data: dict[str, Any] = msgspec.to_builtins(ring)
    data["keys"] = list(data["keys"])
    change(data)
    path.write_bytes(msgspec.json.encode(data))
    path.chmod(0o600)
    return path


def test_development_makes_its_own_ring_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "below" / "keys.json", "development")
    first, again = load_keyring(settings), load_keyring(settings)
    assert first.current("token") == again.current("token")
    assert (tmp_path / "below" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "below").iterdir()] == ["keys.json"]


def test_development_adds_what_a_ring_from_before_lacks_and_changes_nothing_else(tmp_path: Path) -> None:
    def without_two(data: dict[str, Any]) -> None:
        data["environment"] = "development"
        data["keys"] = [key for key in data["keys"] if key["purpose"] not in {"display", "coupon"}]

    path = written(tmp_path / "keys.json", without_two)
    before = read_key_file(path, Environment.DEVELOPMENT).keys
    ring = load_keyring(settings_of(path, "development"))
    assert ring.has("display")
    assert ring.has("coupon")
    after = path.read_bytes()
    assert read_key_file(path, Environment.DEVELOPMENT).keys[:-2] == before
    load_keyring(settings_of(path, "development"))
    assert path.read_bytes() == after


@pytest.mark.parametrize(("change", "code"), UNFIT)
def test_a_ring_that_is_not_fit_is_refused_without_showing_a_secret(tmp_path: Path, change: Change, code: str) -> None:
    path = written(tmp_path / "keys.json", change)
    with pytest.raises(ConfigError) as refused:
        load_keyring(settings_of(path))
    assert refused.value.code == code
    ring = json.loads(path.read_bytes())
    for key in ring.get("keys", []):
        assert key["secret"] not in refused.value.message


def test_a_ring_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json")
    for mode in (0o640, 0o604, 0o660, 0o644):
        path.chmod(mode)
        with pytest.raises(ConfigError) as refused:
            load_keyring(settings_of(path))
        assert refused.value.code == "keys.unsafe"
    path.chmod(0o400)
    assert load_keyring(settings_of(path)).has("token")


def test_a_missing_broken_or_huge_file_is_refused(tmp_path: Path) -> None:
    for content, code in (
        (None, "keys.missing"),
        (b"\xff\xfe", "keys.malformed"),
        (b" " * 1_000_001, "keys.malformed"),
    ):
        path = tmp_path / "keys.json"
        if content is not None:
            path.write_bytes(content)
            path.chmod(0o600)
        with pytest.raises(ConfigError) as refused:
            load_keyring(settings_of(path))
        assert refused.value.code == code


def test_a_developers_ring_does_not_get_into_production(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json", lambda data: data.update(environment="development"))
    with pytest.raises(ConfigError) as refused:
        read_key_file(path, Environment.PRODUCTION)
    assert refused.value.code == "keys.foreign"


def test_a_running_process_takes_over_what_the_file_says_and_keeps_its_keys_when_the_file_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gasolinera.keyring._LOOK_EVERY_S", 0.0)
    path = written(tmp_path / "keys.json")
    keyring = load_keyring(settings_of(path))
    token = issue_access_token(keyring, CALLER, now=datetime.now(UTC)).token
    path.write_bytes(b"broken")
    assert verify_access_token(keyring, token, datetime.now(UTC)) == CALLER
    written(path)  # other keys altogether
    with pytest.raises(UnauthenticatedError):
        verify_access_token(keyring, token, datetime.now(UTC))
    assert issue_access_token(keyring, CALLER, now=datetime.now(UTC)).token


def test_a_key_that_a_process_beside_this_one_read_first_is_looked_for_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json")
    late = load_keyring(settings_of(path))
    ring = read_key_file(path, Environment.TEST)
    both: tuple[Purpose, ...] = ("token", "service")
    for purpose in both:
        ring, _ = rotated(ring, purpose, now=datetime.now(UTC), overlap=timedelta(0))
    write_key_file(path, ring, is_new=False)
    first, now = load_keyring(settings_of(path)), datetime.now(UTC)
    assert verify_access_token(late, issue_access_token(first, CALLER, now=now).token, now) == CALLER
    shown = issue_service_token(first, "raffle", "station", now=now)
    assert verify_service_token(late, shown, frozenset({"station"}), now).service == "raffle"


def test_strangers_do_not_make_a_process_look_at_its_file_again_and_again() -> None:
    looks: list[int] = []
    keyring = Keyring(new_keys(PURPOSES, NOW), clock=lambda: NOW, read=lambda: looks.append(1))
    for number in range(50):
        with pytest.raises(UnauthenticatedError):
            keyring.token_key(f"unknown {number}")
    assert len(looks) == 1


def test_a_process_without_a_token_key_verifies_by_the_published_ones(tmp_path: Path) -> None:
    keyring = Keyring(new_keys(PURPOSES, NOW), clock=lambda: NOW)
    path = written(tmp_path / "keys.json", lambda data: data["keys"].pop(0))
    other = load_keyring(settings_of(path))
    assert not other.has("token")
    token = issue_access_token(keyring, CALLER, now=NOW).token
    with pytest.raises(UnauthenticatedError):
        verify_access_token(other, token, NOW)
    other.trust(keyring.public_keys())
    assert verify_access_token(other, token, NOW) == CALLER
    other.trust(())
    with pytest.raises(UnauthenticatedError):
        verify_access_token(other, token, NOW)


def test_a_ring_is_never_replaced_by_a_new_one(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json")
    before = path.read_bytes()
    with pytest.raises(ConflictError):
        write_key_file(path, KeyFile(environment=Environment.TEST, keys=new_keys(PURPOSES, NOW)), is_new=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_ring_that_root_changes_stays_its_owners(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json")
    os.chown(path, 1234, 2345)
    write_key_file(path, read_key_file(path, Environment.TEST), is_new=False)
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 2345, 0o600)


def test_keys_do_not_print_their_secret() -> None:
    key = new_keys(["otp"], NOW)[0]
    assert repr(key) == "Key(otp 1)"
    assert "secret" not in repr(KeyFile(environment=Environment.TEST, keys=(key,)))

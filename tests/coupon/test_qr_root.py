"""A root that is on no host says which keys of codes are the platform's; who holds its public half takes no other."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gasolinera.config import Environment, Settings
from gasolinera.coupon import qr, qr_documents, qr_keys
from gasolinera.coupon.qr import QrError
from gasolinera.coupon.qr_documents import Endorsement, PublishedKey
from gasolinera.database import open_database
from gasolinera.errors import ConfigError
from gasolinera.key_file import Key, KeyFile, new_keys, rotated, write_key_file
from gasolinera.keyring import Keyring, from_base64url, load_keyring, to_base64url
from tests.coupon.test_qr import body

Admin = psycopg.Connection[Any]
GASOLINERA = str(Path(sys.executable).parent / "gasolinera")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "qr-format.md"
DOMAIN = b"gasolinera-coupon-key-v1\0"
NOW = datetime.now(UTC).replace(microsecond=0)
ROOT, OTHER_ROOT = (new_keys(("coupon_root",), NOW)[0] for _ in range(2))
FIRST, THIEFS = (new_keys(("coupon",), NOW)[0] for _ in range(2))


def half(key: Key) -> bytes:
    return qr_keys.public_half(key)


def published(key: Key, *roots: Key, number: int = 1, status: Any = "current") -> PublishedKey:
    said = tuple(
        Endorsement(to_base64url(half(root)), to_base64url(qr_documents.endorse(root, number, half(key))))
        for root in roots
    )
    return PublishedKey(kid=str(number), x=to_base64url(half(key)), status=status, nbf=0, endorsements=said)


def read(signer: Key, *keys: PublishedKey, root: Key | None = ROOT) -> list[str] | str:
    """The numbers of the keys that a verifier with this root has then, or why it takes no set."""
    text = qr_documents.make_key_set(signer, keys, version=1, now=NOW)
    try:
        found = qr_documents.read_key_set(text, trusted=None, now=NOW, root=None if root is None else half(root))
    except QrError as error:
        return error.code
    return [key.kid for key in found.keys]


def test_an_endorsement_is_what_the_page_says_and_another_library_verifies_it() -> None:
    [block] = [part.split("```")[0] for part in PAGE.read_text().split("```json\n") if '"root_public_key"' in part]
    vector = json.loads(block)
    root, key = bytes.fromhex(vector["root_public_key"]), bytes.fromhex(vector["public_key"])
    signature = bytes.fromhex(vector["signature"])
    Ed25519PublicKey.from_public_bytes(root).verify(signature, DOMAIN + bytes([vector["kid"]]) + key)
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(root).verify(signature, DOMAIN + bytes([vector["kid"] + 1]) + key)
    made = Key(purpose="coupon_root", id=1, created_at=NOW, active_from=NOW, secret=bytes(range(0x20, 0x40)))
    assert (half(made), qr_documents.endorse(made, vector["kid"], key)) == (root, signature)


def test_a_key_without_the_roots_word_neither_verifies_codes_nor_signs_the_set() -> None:
    second = renumbered(THIEFS, 2)
    assert read(FIRST, published(FIRST, ROOT), published(THIEFS, number=2)) == ["1"]
    assert read(second, published(FIRST, ROOT), published(THIEFS, number=2)) == "qr.document_forged"
    assert read(second, published(FIRST, ROOT), published(THIEFS, OTHER_ROOT, number=2)) == "qr.document_forged"
    assert read(FIRST, published(FIRST)) == "qr.document_forged"
    assert read(FIRST, published(FIRST), root=None) == ["1"], "who has no root goes by where the set came from"
    assert read(FIRST, published(FIRST, OTHER_ROOT, ROOT)) == ["1"]
    # The word for one number, or one key, is none for another.
    moved = published(FIRST, ROOT)
    as_two = PublishedKey(kid="2", x=moved.x, status="current", nbf=0, endorsements=moved.endorsements)
    swapped = PublishedKey(kid="1", x=published(THIEFS).x, status="current", nbf=0, endorsements=moved.endorsements)
    assert read(renumbered(FIRST, 2), as_two) == "qr.document_forged"
    assert read(THIEFS, swapped) == "qr.document_forged"


def renumbered(key: Key, number: int) -> Key:
    """The same secret under another number."""
    return Key(
        purpose=key.purpose, id=number, created_at=key.created_at, active_from=key.active_from, secret=key.secret
    )


def test_the_platform_publishes_what_roots_say_of_keys_that_are_not_revoked(settings: Settings, admin: Admin) -> None:
    admin.execute("UPDATE coupon_schema.coupons SET qr_key_id = NULL, qr_payload = NULL, qr_signature = NULL")
    admin.execute("DELETE FROM coupon_schema.qr_revocation_lists")
    admin.execute("DELETE FROM coupon_schema.qr_signing_keys")
    first = KeyFile(environment=Environment.TEST, keys=(FIRST,))
    both, _ = rotated(first, "coupon", now=NOW, overlap=timedelta(0))

    async def run() -> list[Any]:
        async with open_database(settings, "coupon") as db:
            ring = Keyring(both.keys, clock=lambda: NOW + timedelta(seconds=5))
            async with db.transaction() as conn:
                before = await qr_keys.key_set(conn, ring)
            admin.execute("UPDATE coupon_schema.qr_signing_keys SET revoked_at = now() WHERE key_id = 1")
            async with db.transaction() as conn:
                done = [await qr_keys.endorse_keys(conn, root) for root in (ROOT, OTHER_ROOT, ROOT)]
            async with db.transaction() as conn:
                return [before, done, await qr_keys.key_set(conn, ring)]

    (version, _), done, (newer, text) = asyncio.run(run())
    assert done == [(2,), (2,), ()]
    assert newer > version
    for root in (ROOT, OTHER_ROOT):
        found = qr_documents.read_key_set(text, trusted=None, now=NOW, root=half(root))
        assert [key.kid for key in found.keys] == ["2"]
    with pytest.raises(QrError):
        qr_documents.read_key_set(text, trusted=None, now=NOW, root=half(FIRST))


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GASOLINERA, "qr", *arguments],
        env={"PATH": "/usr/bin:/bin", **environment},
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_the_command_endorses_with_a_file_that_no_process_serves_with(
    settings: Settings, admin: Admin, database_url: str, tmp_path: Path
) -> None:
    admin.execute("DELETE FROM coupon_schema.qr_key_endorsements")
    admin.execute(
        "INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key) VALUES (77, %s) ON CONFLICT DO NOTHING",
        (half(FIRST),),
    )
    path = tmp_path / "root.json"
    write_key_file(path, KeyFile(environment=Environment.TEST, keys=(ROOT,)), is_new=True)
    world = {"GASOLINERA_ENVIRONMENT": "test", "GASOLINERA_DATABASE_URL": database_url}
    told = command("endorse", "--root-file", str(path), **world)
    assert (told.returncode, told.stdout) == (0, to_base64url(half(ROOT)) + "\n"), told.stderr
    assert "77" in told.stderr
    assert command("endorse", "--root-file", str(path), **world).stderr == "endorsed keys of codes: none was new\n"
    with pytest.raises(ConfigError) as caught:
        load_keyring(settings.model_copy(update={"keys_file": path}))
    assert caught.value.code == "keys.root_on_host"


def test_the_command_verifies_by_what_the_root_endorsed(tmp_path: Path) -> None:
    packed = qr.pack(body(valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=1), flags=0))
    text = qr.as_text(packed, qr.sign(packed, FIRST))
    keys = tmp_path / "keys"
    keys.write_text(qr_documents.make_key_set(FIRST, [published(FIRST, ROOT)], version=1, now=NOW))
    root, other = (to_base64url(half(key)) for key in (ROOT, OTHER_ROOT))
    assert len(from_base64url(root)) == 32
    assert command("verify", text, "--keys", str(keys), "--root", root).returncode == 0
    told = command("verify", text, "--keys", str(keys), "--root", other)
    assert (told.returncode, "no key that is trusted has signed" in told.stderr) == (1, True)
    assert command("verify", text, "--root", root).returncode == 2
    short = command("verify", text, "--keys", str(keys), "--root", "short")
    assert (short.returncode, "no public half of a root key" in short.stderr) == (1, True)

"""One spelling of a document, and signatures that are good for their own kind alone."""

import json

import msgspec
import pytest
from nacl.signing import SigningKey

from gasolinera.errors import InputError
from gasolinera.raffle.documents import canonical, is_signed, read_document, sign


class _Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    at: int
    more: list[str] | None


def test_keys_are_in_order_and_escapes_are_the_shortest() -> None:
    note = _Note('tab\t quote" back\\ bell\a del\x7f slash/ é \u2028 🎟', 7, None)
    text = '{"at":7,"more":null,"name":"tab\\t quote\\" back\\\\ bell\\u0007 del\x7f slash/ é \u2028 🎟"}'
    assert canonical(note).decode() == text
    assert json.loads(text)["name"] == note.name


@pytest.mark.parametrize(
    "text",
    [
        '{"at":7,"more":null,"name":"a"} ',
        '{"at": 7,"more":null,"name":"a"}',
        '{"name":"a","at":7,"more":null}',
        '{"at":7.0,"more":null,"name":"a"}',
        '{"at":7e0,"more":null,"name":"a"}',
        '{"at":-0,"more":null,"name":"a"}',
        '{"at":07,"more":null,"name":"a"}',
        '{"at":"7","more":null,"name":"a"}',
        '{"at":6,"at":7,"more":null,"name":"a"}',
        '{"at":7,"more":null,"name":"\\u0061"}',
        '{"at":7,"more":null,"name":"\\/"}',
        '{"at":7,"more":null,"name":"a","x":1}',
        '{"at":7,"name":"a"}',
        '{"at":7,"more":null,"name":"a"',
        '{"at":7,"more":null,"name":"\\ud800"}',
        "[]",
        "",
    ],
)
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(InputError) as raised:
        read_document(_Note, text.encode())
    assert raised.value.code == "draw.document"


def test_a_signature_is_good_for_its_key_its_kind_and_its_bytes() -> None:
    key = SigningKey(bytes(range(32)))
    public = key.verify_key.encode()
    signature = sign(key, "kind-1", b"data")
    assert key.verify_key.verify(b"kind-1\0data", signature)
    assert is_signed(public, "kind-1", b"data", signature)
    assert not is_signed(public, "kind-2", b"data", signature)
    assert not is_signed(public, "kind-1", b"datA", signature)
    assert not is_signed(SigningKey(bytes(32)).verify_key.encode(), "kind-1", b"data", signature)
    assert not is_signed(public, "kind-1", b"data", signature[:-1])
    assert not is_signed(public[:-1], "kind-1", b"data", signature)

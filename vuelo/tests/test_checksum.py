"""Checksums are Flyway's: golden values were taken from rows that the real Flyway wrote."""

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuelo.checksum import checksum


def lines_of(text: str) -> list[str]:
    """As a file opened with newline="" gives them."""
    return list(io.StringIO(text, newline=""))


@pytest.mark.parametrize(
    ("text", "flyways"),
    [
        ("", 0),
        ("CREATE TABLE t (id int);\n", 92137680),
        ("CREATE TABLE t (id int);\r\n", 92137680),
        ("CREATE TABLE t (id int);", 92137680),
        ("\ufeffCREATE TABLE t (id int);\n", 92137680),
        ("CREATE TABLE t (id int); \n", 1874485369),
        ("-- one\nSELECT 1;\n\nSELECT 2;\n", -1043825684),
        ("\ufeffselect 1;\r\nselect 2;\r\n", -593479011),
        ("select 1;\rselect 2;\r", -593479011),
        ("select 1; -- a\u2028b\x0cc\x0bd\u0085e\nselect 2;\n", -1189592888),
        ("create or replace view v as select 1 as a, 'auth' as s, 'R__my_view.sql' as f;", 492147042),
    ],
)
def test_the_checksum_is_the_one_that_flyway_stores(text: str, flyways: int) -> None:
    assert checksum(lines_of(text)) == flyways


def test_only_one_byte_order_mark_is_left_out_and_only_at_the_start() -> None:
    assert checksum(["\ufeff\ufeffa\n"]) == crc_of("\ufeffa")
    assert checksum(["a\n", "\ufeffb\n"]) == crc_of("a\ufeffb")


def crc_of(text: str) -> int:
    unsigned = zlib.crc32(text.encode())
    return int.from_bytes(unsigned.to_bytes(4), signed=True)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"))


@given(texts)
def test_it_is_the_signed_crc_of_the_text_without_its_line_ends(text: str) -> None:
    assert checksum(lines_of(text)) == crc_of(text.replace("\r", "").replace("\n", ""))


@given(texts, st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_kind_of_line_end_does_not_count(text: str, end: str) -> None:
    unix = text.replace("\r", "\n")
    assert checksum(lines_of(unix.replace("\n", end))) == checksum(lines_of(unix))

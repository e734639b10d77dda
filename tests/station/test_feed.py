"""Reading the regulator's feed: what is taken, what is refused and why, and what no file may do to us."""

import lzma
import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from gasolinera.errors import InputError
from gasolinera.station import feed
from gasolinera.station.feed import parse_as_of, read_feed
from gasolinera.station.models import Action, Feed, Fuel
from tests.station.feeds import (
    FAULTY_PLACES,
    FAULTY_PRICES,
    GOOD,
    GOOD_PRICES,
    Files,
    Place,
    Prices,
    permit,
    written,
)

BOMB = """<?xml version="1.0"?><!DOCTYPE places [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<places><place place_id="1"><name>&b;</name></place></places>"""


def read(files: Files) -> Feed:
    return read_feed(files.places, files.prices, lambda count: None)


def refusal(files: Files) -> str:
    with pytest.raises(InputError) as caught:
        read(files)
    return caught.value.code


def test_a_good_feed_is_taken_as_it_is(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD, GOOD_PRICES))
    assert [place.station_code for place in found.places] == ["PL1EXPES2015", "PL2EXPES2015", "PL3EXPES2015"]
    assert (found.places[0].longitude, found.places[0].latitude) == (-99.13, 19.43)
    assert [place.fuels for place in found.places] == [(Fuel.REGULAR, Fuel.PREMIUM), (Fuel.REGULAR, Fuel.DIESEL), ()]
    assert {(p.place_id, p.fuel): p.price for p in found.prices} == {
        (1, Fuel.REGULAR): Decimal("23.49"),
        (1, Fuel.PREMIUM): Decimal("25.9"),
        (2, Fuel.REGULAR): Decimal(24),
        (2, Fuel.DIESEL): Decimal("26.19"),
    }
    assert [(fault.place_id, fault.reason) for fault in found.faults] == [("3", "no_price")]


@pytest.mark.parametrize("reason", FAULTY_PLACES)
def test_a_faulty_place_is_rejected_with_its_reason_and_the_others_are_taken(reason: str, tmp_path: Path) -> None:
    found = read(written(tmp_path, [*GOOD, FAULTY_PLACES[reason]], GOOD_PRICES))
    assert [place.place_id for place in found.places] == [1, 2, 3]
    assert [fault.reason for fault in found.faults if fault.action is Action.REJECTED] == [reason]


@pytest.mark.parametrize("reason", FAULTY_PRICES)
def test_a_faulty_price_is_refused_with_its_reason_and_its_place_is_taken(reason: str, tmp_path: Path) -> None:
    faulty = FAULTY_PRICES[reason]
    places = [*GOOD, FAULTY_PLACES["coordinates_zero"], *(Place(str(n), permit(n)) for n in range(201, 205))]
    found = read(written(tmp_path, places, [*GOOD_PRICES, faulty]))
    refused = [fault for fault in found.faults if fault.action is Action.PRICE_REFUSED]
    assert [(fault.place_id, fault.reason) for fault in refused] == [(faulty.place_id, reason)] * len(faulty.prices)
    assert len(found.prices) == 4
    assert len(found.places) == 7


def test_two_prices_in_two_elements_of_a_place_conflict_too(tmp_path: Path) -> None:
    twice = [Prices("3", (("diesel", "26.5"),)), Prices("3", (("diesel", "26.4"),))]
    found = read(written(tmp_path, GOOD, [*GOOD_PRICES, *twice]))
    assert Counter(fault.reason for fault in found.faults) == {"conflicting_prices": 2}
    assert found.places[2].fuels == (Fuel.DIESEL,)  # it is sold there, at whatever price


def test_the_same_price_twice_is_one_price(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD, [*GOOD_PRICES, Prices("3", (("diesel", "26.5"), ("diesel", "26.50")))]))
    assert [(fault.reason, fault.action) for fault in found.faults] == [("repeated_price", Action.KEPT_ONCE)]
    assert (3, Fuel.DIESEL, Decimal("26.5")) in {(p.place_id, p.fuel, p.price) for p in found.prices}


def test_an_absurd_price_beside_a_sensible_one_is_a_conflict(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD, [*GOOD_PRICES, Prices("3", (("diesel", "1.0"), ("diesel", "26.5")))]))
    assert {fault.reason for fault in found.faults} == {"conflicting_prices"}


def test_white_space_in_names_means_nothing(tmp_path: Path) -> None:
    found = read(written(tmp_path, [Place("1", permit(1), name="  GAS \n  DEL   SUR ")], GOOD_PRICES))
    assert found.places[0].name == "GAS DEL SUR"


def test_a_packed_file_is_recognised_by_its_content(tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    files.places.write_bytes(lzma.compress(files.places.read_bytes()))
    assert len(read(files).places) == 3


def test_progress_tells_of_every_byte_of_both_files(tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    told: list[int] = []
    read_feed(files.places, files.prices, told.append)
    assert sum(told) == files.places.stat().st_size + files.prices.stat().st_size


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('<places><place place_id="1"></place><place pl', "feed.malformed"),
        ("", "feed.malformed"),
        ("no xml at all", "feed.malformed"),
        ('<?xml version="1.0" encoding="klingon"?><places/>', "feed.malformed"),
        ("<stations><place/></stations>", "feed.structure"),
        ("<places><station/></places>", "feed.structure"),
        ("<places><place><a><b><c><d/></c></b></a></place></places>", "feed.structure"),
        ("<places></places>", "feed.empty"),
        (BOMB, "feed.forbidden"),
        ('<!DOCTYPE places SYSTEM "http://localhost/x.dtd"><places/>', "feed.forbidden"),
    ],
)
def test_a_file_that_is_no_feed_is_refused_as_a_whole(text: str, code: str, tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    files.places.write_text(text, encoding="utf-8")
    assert refusal(files) == code
    good = written(tmp_path, GOOD, GOOD_PRICES)
    good.prices.write_text(text, encoding="utf-8")
    assert refusal(good) == code


def test_files_in_the_wrong_order_are_noticed(tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    assert refusal(Files(files.prices, files.prices)) == "feed.swapped"
    assert refusal(Files(files.places, files.places)) == "feed.swapped"


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    assert refusal(Files(tmp_path / "none.xml", files.prices)) == "feed.unreadable"
    assert refusal(Files(files.places, tmp_path)) == "feed.unreadable"


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_archive_is_refused(damage: str, tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    packed = bytearray(lzma.compress(files.places.read_bytes()))
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    else:
        packed[len(packed) // 2] ^= 0xFF
    files.places.write_bytes(packed)
    assert refusal(files) == "feed.damaged"


def test_what_a_file_unpacks_to_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_UNPACKED_BYTES", 100_000)
    files = written(tmp_path, GOOD, GOOD_PRICES)
    files.places.write_bytes(lzma.compress(b"<places>" + b'<place place_id="x"></place>' * 50_000 + b"</places>"))
    assert files.places.stat().st_size < 10_000
    assert refusal(files) == "feed.too_large"


@pytest.mark.parametrize(
    "place",
    [
        b"<place>" + b"<a/>" * 1_000_000 + b"</place>",
        b"<place>" + b"<a/>" * 51 + b"</place>",
        b"<place " + b" ".join(b'a%d=""' % number for number in range(400_000)) + b"></place>",
        b"<place><name>" + b"a" * 4_000_000 + b"</name></place>",
        b"<!--" + b"-a" * 2_000_000 + b"-->",
        b"<!-- a -->" * 400_000,
    ],
    ids=["children", "a child too many", "attributes", "text", "one comment", "comments"],
)
def test_a_place_that_does_not_end_is_given_up_early(place: bytes, tmp_path: Path) -> None:
    good = b"<place place_id='1'><name>GOOD</name></place>"
    files = written(tmp_path, GOOD, GOOD_PRICES)
    files.places.write_bytes(lzma.compress(b"<places>" + good + place + b"</places>", preset=0))
    tracemalloc.start()
    try:
        assert refusal(files) == "feed.structure"
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_many_ordinary_places_are_no_endless_place(tmp_path: Path) -> None:
    places = [Place(str(number), permit(number), name="A" * 150) for number in range(1, 2001)]
    assert len(read(written(tmp_path, places, GOOD_PRICES)).places) == 2000


@pytest.mark.parametrize("after", [b"", b"\0" * 4, b"\0" * 40_000, b"\0\0\0\0" + lzma.compress(b"\n")])
def test_padding_and_further_streams_of_an_archive_are_part_of_it(after: bytes, tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    files.places.write_bytes(lzma.compress(files.places.read_bytes()) + after)
    assert len(read(files).places) == 3


@pytest.mark.parametrize("after", [b"x", b"\0", b"\0" * 40_001, b"garbage " * 10_000, b"\0\0\0\0garbage and more"])
def test_what_follows_an_archive_and_is_no_archive_is_refused(after: bytes, tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    files.places.write_bytes(lzma.compress(files.places.read_bytes()) + after)
    assert refusal(files) == "feed.damaged"


def test_an_archive_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    files = written(tmp_path, GOOD, GOOD_PRICES)
    greedy = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 * 1024**2}]
    files.places.write_bytes(lzma.compress(files.places.read_bytes(), filters=greedy))
    assert refusal(files) == "feed.damaged"


@pytest.mark.parametrize(
    "name", ["\u00a0", "\u200b", "\u00a0 \u200b\ufeff\u2060", "\u3000", "\u00ad", ". - .", "\u3164", "Pemex \u202e77"]
)
def test_a_name_that_nobody_can_read_is_rejected(name: str, tmp_path: Path) -> None:
    found = read(written(tmp_path, [*GOOD, Place("9", permit(9), name=name)], GOOD_PRICES))
    assert [fault.reason for fault in found.faults if fault.action is Action.REJECTED] == ["name_invalid"]


NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # still the 19th in Mexico City


@pytest.mark.parametrize(("text", "day"), [(None, date(2026, 11, 19)), ("2026-11-19", date(2026, 11, 19))])
def test_the_day_of_a_feed_is_a_day_in_mexico(text: str | None, day: date) -> None:
    assert parse_as_of(text, now=NOW) == day


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "19/11/2026", "2026-11-20", "0001-01-01"])
def test_a_wrong_or_future_day_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_as_of(text, now=NOW)
    assert caught.value.code == "feed.date"

"""The Mexican regulator's feed: two XML files, read as a stream, judged place by place and price by price.

The files are not to be trusted: no DTD, no entities, a cap on what they unpack to, and every value is checked. What a
file as a whole gets wrong raises InputError; what one place or price gets wrong becomes a Fault, and the rest goes on.
"""

import lzma
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError  # types alone; defusedxml does the reading

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from gasolinera.errors import InputError
from gasolinera.station.models import Action, Fault, Feed, FeedPlace, FeedPrice, Fuel

MAX_UNPACKED_BYTES = 64 * 1024 * 1024  # the real files unpack to 3 MB
MAX_DEPTH = 4
# What a place may be made of before it must end; a real one has nine elements, or fewer than ten prices, in 400 bytes.
MAX_ELEMENTS_OF_PLACE = 50
MAX_BYTES_OF_PLACE = 64 * 1024
MAX_NAME = 200
MAX_PERMIT = 40

# Mexico's extremes: Isla Guadalupe, Isla Mujeres, the mouth of the Suchiate, Los Algodones; a little wider.
_LONGITUDES = (-118.6, -86.6)
_LATITUDES = (14.4, 32.8)
# Pesos for a litre. A price outside is a slip of the keyboard: the feed holds 0.01, 0.1 and 1.0.
_PLAUSIBLE_PRICE = (Decimal(5), Decimal(100))
_MEXICO_CITY = timezone(timedelta(hours=-6))  # since 2022 without daylight saving time
_EARLIEST = date(2015, 1, 1)

_PLACE_ID = re.compile(r"[1-9][0-9]{0,11}")
_PERMIT = re.compile(r"PL/[0-9]{1,6}/[A-Z]{2,4}/[A-Z]{2}/[0-9]{4}")
_DEGREES = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,17})?")
_PRICE = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")
_CHUNK_BYTES = 16 * 1024
_XZ_MEMORY_BYTES = 100 * 1024 * 1024  # `xz -9` asks for 65 MB to unpack; an archive may ask for 4 GB
_XZ_MAGIC = b"\xfd7zXZ\x00"
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by name, which show nothing
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FUELS = {"regular": Fuel.REGULAR, "premium": Fuel.PREMIUM, "diesel": Fuel.DIESEL}

_FETCH = "fetch the file again"
_ORDER = "the file of places comes first, then that of prices"

Watch = Callable[[int], None]  # told how many bytes of the files have been read since the last call


def read_feed(places: Path, prices: Path, watch: Watch) -> Feed:
    """Both files, judged. Raises InputError `feed.*` when a file cannot be read as what it should be."""
    found, faults, places_read = _read_places(places, watch)
    raw, missing_ids, prices_read = _read_prices(prices, watch)
    rejected = {fault.place_id for fault in faults}
    good, price_faults = _judge_prices(raw, found, rejected)
    sold = {place_id: _fuels_listed(raw[place_id]) for place_id in found if place_id in raw}
    complete = tuple(
        FeedPlace(p.place_id, p.permit, p.station_code, p.name, p.latitude, p.longitude, sold.get(key, ()))
        for key, p in found.items()
    )
    silent = [
        Fault(key, place.permit, "", "", "no_price", Action.WITHOUT_PRICE)
        for key, place in found.items()
        if key not in raw
    ]
    return Feed(places_read, prices_read, complete, tuple(good), (*faults, *missing_ids, *price_faults, *silent))


def parse_as_of(text: str | None, *, now: datetime) -> date:
    """The day a feed is of: today in Mexico City when nobody says. Raises InputError `feed.date`."""
    today = now.astimezone(_MEXICO_CITY).date()
    if text is None:
        return today
    try:
        as_of = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  # a day, not a moment
    except ValueError:
        raise InputError("feed.date", f"{text!r} is no date", "give it as YYYY-MM-DD") from None
    if not _EARLIEST <= as_of <= today:
        # A date in the future would keep out every price until that day.
        raise InputError("feed.date", f"{text} is not between {_EARLIEST} and today, {today}")
    return as_of


def _read_places(path: Path, watch: Watch) -> tuple[dict[str, FeedPlace], list[Fault], int]:
    found: dict[str, FeedPlace] = {}
    permits: set[str] = set()
    faults: list[Fault] = []
    count = 0
    for element in _place_elements(path, watch):
        count += 1
        if element.find("gas_price") is not None:
            raise InputError("feed.swapped", f"{path} holds prices", _ORDER)
        judged = _judge_place(element)
        if isinstance(judged, FeedPlace):
            key = str(judged.place_id)
            reason = "duplicate_place" if key in found else "duplicate_permit" if judged.permit in permits else None
            if reason is None:
                found[key] = judged
                permits.add(judged.permit)
            else:
                faults.append(Fault(key, judged.permit, "", judged.permit, reason, Action.REJECTED))
        else:
            faults.append(judged)
    if count == 0:
        raise InputError("feed.empty", f"{path} holds no place")
    return found, faults, count


def _judge_place(element: Element) -> FeedPlace | Fault:
    place_id = _text(element.get("place_id"))
    permit = _text(element.findtext("cre_id"))
    name = _text(element.findtext("name"))
    x, y = _text(element.findtext("location/x")), _text(element.findtext("location/y"))

    def rejected(reason: str, value: str) -> Fault:
        return Fault(place_id[:20], permit[:MAX_PERMIT], "", value[:100], reason, Action.REJECTED)

    if not _PLACE_ID.fullmatch(place_id):
        return rejected("place_id_invalid", place_id)
    if not _PERMIT.fullmatch(permit):
        return rejected("permit_invalid", permit)
    if not (len(name) <= MAX_NAME and can_be_read(name)):
        return rejected("name_invalid", name)
    if not (_DEGREES.fullmatch(x) and _DEGREES.fullmatch(y)):
        return rejected("coordinates_invalid", f"{x} {y}")
    longitude, latitude = float(x), float(y)
    fault = _fault_of_coordinates(longitude, latitude)
    if fault is not None:
        return rejected(fault, f"{x} {y}")
    return FeedPlace(int(place_id), permit, permit.replace("/", ""), name, latitude, longitude, ())


def _fault_of_coordinates(longitude: float, latitude: float) -> str | None:
    """Never repaired: a station in the wrong place sends a driver there."""
    if longitude == 0 and latitude == 0:
        return "coordinates_zero"
    if _is_in_mexico(longitude, latitude):
        return None
    if _is_in_mexico(latitude, longitude):
        return "coordinates_swapped"
    if _is_in_mexico(-longitude, latitude):
        return "coordinates_sign"
    return "coordinates_outside"


def _is_in_mexico(longitude: float, latitude: float) -> bool:
    return _LONGITUDES[0] <= longitude <= _LONGITUDES[1] and _LATITUDES[0] <= latitude <= _LATITUDES[1]


_RawPrices = dict[str, list[tuple[str, str]]]  # by place, fuel and price as the file has them


def _read_prices(path: Path, watch: Watch) -> tuple[_RawPrices, list[Fault], int]:
    raw: _RawPrices = defaultdict(list)
    faults: list[Fault] = []
    count = elements = 0
    for element in _place_elements(path, watch):
        elements += 1
        if element.find("cre_id") is not None:
            raise InputError("feed.swapped", f"{path} holds places", _ORDER)
        place_id = _text(element.get("place_id"))
        for price in element.iterfind("gas_price"):
            count += 1
            fuel, value = _text(price.get("type")).lower()[:20], _text(price.text)[:40]
            if _PLACE_ID.fullmatch(place_id):
                raw[place_id].append((fuel, value))
            else:
                faults.append(Fault(place_id[:20], "", fuel, value, "place_id_invalid", Action.PRICE_REFUSED))
    if elements == 0:
        raise InputError("feed.empty", f"{path} holds no place")
    return raw, faults, count


def _judge_prices(
    raw: _RawPrices, found: dict[str, FeedPlace], rejected: set[str]
) -> tuple[list[FeedPrice], list[Fault]]:
    good: list[FeedPrice] = []
    faults: list[Fault] = []
    for place_id, entries in raw.items():
        place = found.get(place_id)
        by_fuel: dict[str, list[str]] = defaultdict(list)
        for fuel, value in entries:
            by_fuel[fuel].append(value)
        for fuel, values in by_fuel.items():
            if place is None:
                reason = "place_rejected" if place_id in rejected else "unknown_place"
            else:
                reason = _fault_of_prices(fuel, values)
            permit = "" if place is None else place.permit
            if reason is not None or place is None:
                faults += [Fault(place_id, permit, fuel, value, reason or "", Action.PRICE_REFUSED) for value in values]
                continue
            good.append(FeedPrice(place.place_id, permit, _FUELS[fuel], Decimal(values[0])))
            faults += [Fault(place_id, permit, fuel, v, "repeated_price", Action.KEPT_ONCE) for v in values[1:]]
    return good, faults


def _fault_of_prices(fuel: str, values: list[str]) -> str | None:
    """Of one place and fuel. Two prices that differ are both refused: nobody can tell which one is right."""
    if fuel not in _FUELS:
        return "unknown_fuel"
    if not all(_PRICE.fullmatch(value) for value in values):
        return "price_invalid"
    prices = {Decimal(value) for value in values}
    if len(prices) > 1:
        return "conflicting_prices"
    if not _PLAUSIBLE_PRICE[0] <= prices.pop() <= _PLAUSIBLE_PRICE[1]:
        return "price_implausible"
    return None


def _fuels_listed(entries: list[tuple[str, str]]) -> tuple[Fuel, ...]:
    """What the place sells, though a price may have been refused; in the order of the enum."""
    listed = {fuel for fuel, _ in entries}
    return tuple(fuel for name, fuel in _FUELS.items() if name in listed)


def _text(value: str | None) -> str:
    """White space at the ends and runs of it inside mean nothing."""
    return " ".join((value or "").split())


def can_be_read(name: str) -> bool:
    """Not of white space, signs and fillers alone, and in the order in which it is written. What passes here passes
    the constraint, which would refuse the whole feed.
    """
    return _TURNS.isdisjoint(name) and any(
        unicodedata.category(character)[0] in "LN" and character not in _FILLERS for character in name
    )


def _place_elements(path: Path, watch: Watch) -> Iterator[Element]:
    """The complete `place` elements, one by one; each is thrown away when the next one is asked for."""
    with _opened(path, watch) as stream:
        try:
            events = iterparse(stream, events=("start", "end"), forbid_dtd=True)
            _, root = next(events)
            depth, elements = 1, 0
            _require(root.tag == "places", f"the root element of {path} is <{root.tag[:40]}>")
            for event, element in events:
                depth += 1 if event == "start" else -1
                _require(depth <= MAX_DEPTH, f"{path} nests elements more than {MAX_DEPTH} deep")
                elements += event == "start"
                _require(
                    elements <= MAX_ELEMENTS_OF_PLACE, f"{path} holds a place of over {MAX_ELEMENTS_OF_PLACE} elements"
                )
                if event == "end" and depth == 1:
                    _require(element.tag == "place", f"{path} holds an element <{element.tag[:40]}>")
                    yield element
                    root.clear()
                    elements = 0
                    stream.place_finished()
        except ParseError as error:
            raise InputError("feed.malformed", f"{path} is no well-formed XML: {error}", _FETCH) from None
        except DefusedXmlException as error:
            message = f"{path} declares a document type or entities ({type(error).__name__}), which is not allowed"
            raise InputError("feed.forbidden", message, _FETCH) from None
        except (LookupError, ValueError) as error:
            raise InputError("feed.malformed", f"{path} cannot be decoded: {error}", _FETCH) from None


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InputError("feed.structure", message, "expected is the regulator's <places><place place_id=…>…")


@contextmanager
def _opened(path: Path, watch: Watch) -> Generator["_Capped"]:
    """The file as XML text, unpacked when it is xz, whatever its name says."""
    try:
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            packed = file.peek(len(_XZ_MAGIC)).startswith(_XZ_MAGIC)
            yield _Capped(_Unpacked(file) if packed else file, file, path, watch)
    except (lzma.LZMAError, EOFError) as error:
        raise InputError("feed.damaged", f"{path} cannot be unpacked: {error}", _FETCH) from None
    except OSError as error:
        raise InputError("feed.unreadable", f"{path} cannot be read: {error.strerror}", "check the path") from None


class _Unpacked:
    """What an .xz file holds: its streams in order. lzma.LZMAFile overlooks what follows them and knows no padding."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = _xz_decoder()
        self._packed = b""

    def read(self, size: int = -1, /) -> bytes:
        """Raises LZMAError for what is no xz, EOFError when the file ends inside a stream."""
        while not self._decoder.eof or self._begin_next_stream():
            packed = b""
            if self._decoder.needs_input:
                packed = self._packed or self._file.read(_CHUNK_BYTES)
                self._packed = b""
                if not packed:
                    raise EOFError("it ends in the middle")
            data = self._decoder.decompress(packed, size)
            if data:
                return data
        return b""

    def _begin_next_stream(self) -> bool:
        """Past the padding, which is zero bytes in fours; the decoder then refuses what is no stream."""
        rest, padding = self._decoder.unused_data, 0
        packed = rest.lstrip(b"\0")
        while True:
            padding += len(rest) - len(packed)
            if packed:
                break
            rest = self._file.read(_CHUNK_BYTES)
            if not rest:
                break
            packed = rest.lstrip(b"\0")
        if padding % 4 != 0:
            raise lzma.LZMAError("what follows the end is no padding")
        if packed:
            self._decoder, self._packed = _xz_decoder(), packed
        return bool(packed)


def _xz_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


class _Capped:
    """Reads on until a cap is reached; tells the watcher how far the file itself has been read."""

    def __init__(self, stream: _Unpacked | IO[bytes], file: IO[bytes], path: Path, watch: Watch) -> None:
        self._stream, self._file, self._path, self._watch = stream, file, path, watch
        self._unpacked = self._position = self._since_place = 0

    def place_finished(self) -> None:
        self._since_place = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._unpacked += len(data)
        if self._unpacked > MAX_UNPACKED_BYTES:
            message = f"{self._path} unpacks to more than {MAX_UNPACKED_BYTES // 1024**2} MB"
            raise InputError("feed.too_large", message, "the regulator's own files are a twentieth of that")
        # What was read with the end of the last place belongs to the next one: the chunk on top of the limit.
        self._since_place += len(data)
        _require(
            self._since_place <= MAX_BYTES_OF_PLACE + _CHUNK_BYTES,
            f"{self._path} holds a place of over {MAX_BYTES_OF_PLACE // 1024} KB",
        )
        position = self._file.tell()
        self._watch(position - self._position)
        self._position = position
        return data

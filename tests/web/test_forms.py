"""What somebody typed becomes a struct, or stays in the form with what is wrong at each field."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
import pytest

from gasolinera.web.forms import Fault, Form
from gasolinera.wording import load_wording


class Fuel(StrEnum):
    REGULAR = "REGULAR"
    DIESEL = "DIESEL"


class Sale(msgspec.Struct, frozen=True):
    amount: Decimal
    fuel: Fuel
    pump: Annotated[int, msgspec.Meta(ge=1, le=24)] = 1
    note: Annotated[str, msgspec.Meta(min_length=2, max_length=5)] | None = None
    on: date | None = None
    is_paid: bool = False
    services: tuple[Fuel, ...] = ()
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")] | None = None


class Closing(msgspec.Struct, frozen=True):
    closes_at: datetime | None = None


def test_fields_become_what_they_mean_and_empty_ones_what_is_meant_without() -> None:
    typed = {"amount": "1250,50", "fuel": "DIESEL", "pump": "7", "note": "", "on": "2026-02-28", "is_paid": "on"}
    form = Form(typed, {"services": ["REGULAR", "DIESEL"]})
    sale = form.parsed(Sale)
    assert sale == Sale(
        Decimal("1250.50"), Fuel.DIESEL, 7, None, date(2026, 2, 28), is_paid=True, services=(Fuel.REGULAR, Fuel.DIESEL)
    )
    assert form.errors == {}


def test_every_field_that_is_wrong_says_so_and_everything_typed_is_kept() -> None:
    typed = {"fuel": "WATER", "pump": "25", "note": "x", "on": "30-02-2026", "code": "abc", "is_paid": "perhaps"}
    form = Form({"amount": "a lot", **typed})
    assert form.parsed(Sale) is None
    assert form.errors == {
        "amount": Fault("field-number"),
        "fuel": Fault("field-choice"),
        "pump": Fault("field-most", {"bound": "24"}),
        "note": Fault("field-short", {"count": 2}),
        "on": Fault("field-date"),
        "code": Fault("field-shape"),
        "is_paid": Fault("field-wrong"),
    }
    assert form.value("amount") == "a lot"
    assert Form({}).parsed(Sale) is None


@pytest.mark.parametrize(
    ("field", "typed", "name"),
    [
        ("pump", "0", "field-least"),
        ("pump", "7.5", "field-number"),
        ("note", "123456", "field-long"),
        ("amount", "1,250.50", "field-number"),
        ("amount", "NaN!", "field-number"),
        ("amount", "NaN", "field-number"),
        ("amount", "-Infinity", "field-number"),
        ("amount", "1,000", "field-number"),  # a thousand, or one: nobody guesses
    ],
)
def test_what_is_wrong_has_a_name_of_its_own(field: str, typed: str, name: str) -> None:
    form = Form({"amount": "1", "fuel": "DIESEL", field: typed})
    assert form.parsed(Sale) is None
    assert {one: fault.name for one, fault in form.errors.items()} == {field: name}


def test_every_fault_has_its_text_in_both_languages() -> None:
    wording = load_wording("gasolinera.web")
    names = [name for name in wording.names("es") if name.startswith("field-")]
    assert {"field-required", "field-number", "field-most", "field-wrong"} <= set(names)
    for language in ("es", "en"):
        for name in names:
            assert wording.text(language, name, {"count": 2, "bound": "24"}).strip()


def test_a_refusal_of_a_use_case_stands_at_its_field_or_above_the_form() -> None:
    form = Form({"code": "ABC"})
    form.refuse("Ya existe", "code")
    form.refuse("No se pudo")
    assert form.errors == {"code": Fault(text="Ya existe")}
    assert form.refusals == ["No se pudo"]


def test_a_moment_is_taken_as_browsers_send_it() -> None:
    form = Form({"closes_at": "2027-07-01T18:30"})
    assert form.parsed(Closing) == Closing(datetime(2027, 7, 1, 18, 30))  # noqa: DTZ001  of the wall
    assert form.value("closes_at") == "2027-07-01T18:30"


def test_a_list_of_ticks_without_any_says_to_choose() -> None:
    class Wishes(msgspec.Struct, frozen=True):
        fuels: tuple[Fuel, ...]

    form = Form({})
    assert form.parsed(Wishes) is None
    assert form.errors == {"fuels": Fault("field-none")}

"""`${name}` is replaced wherever it stands, as Flyway does it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuelo.errors import ScriptError
from vuelo.placeholders import Placeholders


def replaced(text: str, **values: str) -> str:
    return "".join(Placeholders(values).replaced(text.splitlines(keepends=True)))


def test_a_placeholder_is_replaced_in_code_comments_strings_and_dollar_bodies() -> None:
    script = "-- ${who}\nSELECT '${who}', $$${who}$$, \"${who}\"; /* ${who} */\n"
    assert replaced(script, who="me") == "-- me\nSELECT 'me', $$me$$, \"me\"; /* me */\n"


def test_several_on_a_line_are_replaced_each_by_its_own_value() -> None:
    assert replaced("${a}${b} ${a}", a="1", b="2") == "12 1"


@pytest.mark.parametrize("name", ["Owner", "OWNER", "owner", "oWnEr"])
def test_names_are_compared_without_case(name: str) -> None:
    assert replaced("${owner}", **{name: "x"}) == "x"
    assert replaced(f"${{{name}}}", owner="x") == "x"


def test_a_value_is_not_looked_at_again() -> None:
    assert replaced("${a}", a="${b}", b="x") == "${b}"


def test_a_value_with_backslashes_and_group_references_arrives_as_it_is() -> None:
    assert replaced("${a}", a=r"\1 \g<0> \n $1") == r"\1 \g<0> \n $1"


def test_names_may_hold_colons_dots_and_spaces() -> None:
    values = {"flyway:defaultSchema": "shop", "a.b": "1", "two words": "2"}
    text = "".join(Placeholders(values).replaced(["${flyway:defaultSchema} ${a.b} ${two words}"]))
    assert text == "shop 1 2"


def test_an_unknown_name_stops_with_its_place_and_the_names_that_exist() -> None:
    with pytest.raises(ScriptError) as caught:
        replaced("SELECT 1;\nSELECT ${nope};\n", **{"b": "1", "a": "2", "flyway:user": "x"})
    error = caught.value
    assert error.code == "placeholder.unknown"
    assert error.message == "no value for the placeholder ${nope}"
    assert error.place is not None
    assert (error.place.line, error.place.column, error.place.source) == (2, 8, "SELECT ${nope};")
    assert error.hint is not None
    assert "a, b" in error.hint


@pytest.mark.parametrize("script", ["SELECT ${a\n}", "SELECT ${a", "${"])
def test_a_placeholder_that_does_not_end_on_its_line_stops(script: str) -> None:
    with pytest.raises(ScriptError, match="not closed"):
        replaced(script, a="x")


def test_other_marks_can_be_chosen() -> None:
    placeholders = Placeholders({"a": "x"}, prefix="{{", suffix="}}")
    assert list(placeholders.replaced(["{{a}} ${b} {a}"])) == ["x ${b} {a}"]


def test_a_value_of_several_lines_gives_several_lines() -> None:
    """Whoever reads on must see each line end, or a comment would swallow what follows it."""
    lines = list(Placeholders({"v": "one\ntwo\r\nthree"}).replaced(["-- ${v} x\n", "next"]))
    assert lines == ["-- one\n", "two\r\n", "three x\n", "next"]


@given(st.text(st.characters(exclude_characters="$\r\n", exclude_categories=["Cs"])))
def test_text_without_placeholders_is_left_alone(text: str) -> None:
    assert list(Placeholders({"a": "x"}).replaced([text])) == [text]


plain = st.text(st.characters(exclude_characters="${}\r\n", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(plain, st.sampled_from(["a", "b"]))), plain, plain, plain)
def test_the_parts_between_placeholders_stay_in_place(
    parts: list[tuple[str, str]], rest: str, first: str, second: str
) -> None:
    values = {"a": first, "b": second}
    script = "".join(f"{text}${{{name}}}" for text, name in parts) + rest
    assert "".join(Placeholders(values).replaced([script])) == "".join(t + values[n] for t, n in parts) + rest

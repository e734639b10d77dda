"""Where a statement ends: PostgreSQL's own lexical rules, read as a stream."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vuelo.errors import ScriptError
from vuelo.placeholders import Placeholders, line_as_sent
from vuelo.statements import split


def lines_of(text: str) -> Iterator[str]:
    return io.StringIO(text, newline="")


def texts(script: str) -> list[str]:
    return [statement.text for statement in split(lines_of(script))]


def texts_and_data(script: str) -> list[tuple[str, list[str]]]:
    return [(statement.text, list(statement.copy_data or ())) for statement in split(lines_of(script))]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("-- nothing\n/* at all */ ; ;;\n", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;SELECT 3", ["SELECT 1", "SELECT 2", "SELECT 3"]),
        ("SELECT\n  1\n;", ["SELECT\n  1"]),
        ("SELECT ';', ';;'; SELECT 2", ["SELECT ';', ';;'", "SELECT 2"]),
        ("SELECT 'it''s; ok'; SELECT 2", ["SELECT 'it''s; ok'", "SELECT 2"]),
        (r"SELECT E'it\'s; ok'; SELECT 2", [r"SELECT E'it\'s; ok'", "SELECT 2"]),
        (r"SELECT e'it\'s; ok'; SELECT 2", [r"SELECT e'it\'s; ok'", "SELECT 2"]),
        (r"SELECT E'\\'; SELECT 2", [r"SELECT E'\\'", "SELECT 2"]),
        (r"SELECT E'\'''; ok'; SELECT 2", [r"SELECT E'\'''; ok'", "SELECT 2"]),
        (r"SELECT 'back\'; SELECT 2", [r"SELECT 'back\'", "SELECT 2"]),
        (r"SELECT type'back\'; SELECT 2", [r"SELECT type'back\'", "SELECT 2"]),
        (r"SELECT U&'\0041\'; SELECT 2", [r"SELECT U&'\0041\'", "SELECT 2"]),
        ("SELECT U&'d!0061t!+000061;' UESCAPE '!'; SELECT 2", ["SELECT U&'d!0061t!+000061;' UESCAPE '!'", "SELECT 2"]),
        ('SELECT 1 AS "a;""b;"; SELECT 2', ['SELECT 1 AS "a;""b;"', "SELECT 2"]),
        (r'SELECT 1 AS "a\"; SELECT 2', [r'SELECT 1 AS "a\"', "SELECT 2"]),
        ("SELECT B'01', X'1F', N'a;b'; SELECT 2", ["SELECT B'01', X'1F', N'a;b'", "SELECT 2"]),
        ("SELECT $$a;b$$; SELECT 2", ["SELECT $$a;b$$", "SELECT 2"]),
        ("SELECT $a$x;$$;$b$;$a$; SELECT 2", ["SELECT $a$x;$$;$b$;$a$", "SELECT 2"]),
        ("SELECT $a$x$b$a$; SELECT 2", ["SELECT $a$x$b$a$", "SELECT 2"]),
        ("SELECT $ñ_1$;$ñ_1$; SELECT 2", ["SELECT $ñ_1$;$ñ_1$", "SELECT 2"]),
        ("SELECT a$b$c; SELECT x$y$z", ["SELECT a$b$c", "SELECT x$y$z"]),
        ("PREPARE p AS SELECT $1, $2; SELECT 2", ["PREPARE p AS SELECT $1, $2", "SELECT 2"]),
        ("SELECT /* ; /* ; */ ; */ 1; SELECT 2", ["SELECT /* ; /* ; */ ; */ 1", "SELECT 2"]),
        ("SELECT 1 -- ; '\n; SELECT 2", ["SELECT 1 -- ; '", "SELECT 2"]),
        ("SELECT 2*/*;*/3; SELECT 2", ["SELECT 2*/*;*/3", "SELECT 2"]),
        ("/*/ ; */ SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1 +-- ;\n2; SELECT 2", ["SELECT 1 +-- ;\n2", "SELECT 2"]),
        ("(SELECT 1); SELECT 2", ["(SELECT 1)", "SELECT 2"]),
        ("\ufeffSELECT 1;", ["SELECT 1"]),
        ("SELECT 1;\rSELECT 2;\r\nSELECT 3", ["SELECT 1", "SELECT 2", "SELECT 3"]),
    ],
)
def test_statements_end_at_semicolons_that_are_not_inside_something(script: str, expected: list[str]) -> None:
    assert texts(script) == expected


@pytest.mark.parametrize(
    ("script", "first"),
    [
        ("SELECT 'a'\n  'b;c'; SELECT 2", "SELECT 'a'\n  'b;c'"),
        ("SELECT E'a'\n  'b\\';c'; SELECT 2", "SELECT E'a'\n  'b\\';c'"),
        ("SELECT E'a' -- why\n -- not\n  'b\\';c'; SELECT 2", "SELECT E'a' -- why\n -- not\n  'b\\';c'"),
        ("SELECT E'a', \n  'b\\'; SELECT 2", "SELECT E'a', \n  'b\\'"),
    ],
)
def test_a_string_that_goes_on_on_the_next_line_keeps_its_kind(script: str, first: str) -> None:
    assert texts(script) == [first, "SELECT 2"]


@pytest.mark.parametrize("off", ["off", "OFF", "'off'", "false", "0", "no"])
def test_backslashes_escape_in_all_strings_while_the_script_says_so(off: str) -> None:
    script = f"SET standard_conforming_strings = {off}; SELECT 'a\\';'; SET standard_conforming_strings = on;"
    assert texts(f"{script} SELECT 'a\\'; 1")[1::2] == ["SELECT 'a\\';'", "SELECT 'a\\'"]


@pytest.mark.parametrize(
    "setting",
    ["set session standard_conforming_strings to off", "SET LOCAL standard_conforming_strings=off",
     'SET "standard_conforming_strings" = off', "SET /* so */ standard_conforming_strings\n TO false"],
)  # fmt: skip
def test_every_way_to_set_it_is_seen(setting: str) -> None:
    assert texts(rf"{setting}; SELECT '\';'; RESET standard_conforming_strings; SELECT '\'; 1")[1::2] == [
        r"SELECT '\';'",
        r"SELECT '\'",
    ]


def test_strings_that_say_their_kind_keep_it_whatever_is_set() -> None:
    begin = "SET standard_conforming_strings = off"
    assert texts(f"{begin}; SELECT X'1F', B'1', N'a\\';', E'\\';'; SELECT 2")[1:] == [
        "SELECT X'1F', B'1', N'a\\';', E'\\';'",
        "SELECT 2",
    ]
    assert texts(f"{begin}; SET standard_conforming_strings = on; SELECT '\\'; SELECT 2")[2:] == [
        "SELECT '\\'",
        "SELECT 2",
    ]


@pytest.mark.parametrize(
    "routine",
    [
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 2 AS begin; SELECT t.end FROM t; END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC ; SELECT 1; ; END",
        "CREATE SCHEMA s CREATE TABLE t (n int) CREATE VIEW v AS SELECT 1 CREATE INDEX i ON t (n)",
        "CREATE RULE r AS ON UPDATE TO t WHERE (OLD.n > 1) DO INSTEAD (DELETE FROM t; (SELECT 1); SELECT ')')",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "create or replace function f() returns int language sql begin atomic select 1; end",
        "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); END",
        "CREATE FUNCTION f(a int) RETURNS int\nBEGIN ATOMIC\n  SELECT CASE WHEN a > 1 THEN 1 ELSE 2 END;\nEND",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE CASE 1 WHEN 1 THEN 2 END WHEN 2 THEN 3 END; END",
        "CREATE /* new */ OR REPLACE /* ; */ FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
        "CREATE FUNCTION f(a int DEFAULT (CASE WHEN true THEN 1 END)) RETURNS int BEGIN ATOMIC SELECT a; END",
        'CREATE FUNCTION "end"() RETURNS int BEGIN ATOMIC SELECT 1 AS "end"; SELECT 2; END',
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1; END$$",
        "DO $do$ BEGIN EXECUTE $$SELECT 1;$$; END $do$",
    ],
)
def test_bodies_stay_whole(routine: str) -> None:
    assert texts(f"SELECT 0; {routine};\nSELECT 9;") == ["SELECT 0", routine, "SELECT 9"]


def test_lines_and_columns_count_from_one() -> None:
    script = "-- head\nSELECT 1;  SELECT\n2;\n\n/* a\nb */ SELECT 3;"
    places = [(s.line, s.column, s.text) for s in split(lines_of(script))]
    assert places == [(2, 1, "SELECT 1"), (2, 12, "SELECT\n2"), (6, 6, "SELECT 3")]


def test_lines_that_a_placeholder_brings_belong_to_the_file_line_it_stands_on() -> None:
    file = "-- head\nSELECT 1 ${two} x,\n  y;\nSELECT 2;\n${two}SELECT 3;\n"
    statements = list(split(Placeholders({"two": "/* a\r\nb */\n"}).replaced(lines_of(file))))
    assert [(s.line, s.last_line) for s in statements] == [(2, 3), (4, 4), (5, 5)]
    first = statements[0].text
    places = [statements[0].place_of(first.index(what)) for what in ("SELECT", "/*", "b */", "x", "y")]
    assert places == [(2, 1), (2, 10), (2, 16), (2, 22), (3, 3)]
    assert line_as_sent(Placeholders({"two": "/* a\r\nb */\n"}).replaced(lines_of(file)), 2) == (
        "SELECT 1 /* a\u240d\u240ab */\u240a x,"
    )


def test_the_place_of_a_character_is_that_in_the_script() -> None:
    (statement,) = split(lines_of("\n  SELECT\r\n 1,\r2,\n\n   3;"))
    assert [statement.place_of(statement.text.index(what)) for what in "S123"] == [(2, 3), (3, 2), (4, 1), (6, 4)]


@pytest.mark.parametrize(
    ("script", "line", "column"),
    [
        ("SELECT 1;\n  SELECT 'abc;\n", 2, 10),
        ("SELECT E'abc\\'", 1, 8),
        ('SELECT "abc', 1, 8),
        ("SELECT 1;\nSELECT $x$abc$y$;\n", 2, 8),
        ("SELECT 1 /* a /* b */ ;\n", 1, 10),
        ("/* a", 1, 1),
        ("SELECT 1;\n\\d t\n", 2, 1),
        ("SELECT 1 \\gset\n", 1, 10),
        ("SELECT 1;\nCOPY t FROM stdin;\n1\n2\n", 2, 1),
        ("COPY t FROM stdin", 1, 1),
        ("COPY t FROM stdin; SELECT 1;\n\\.\n", 1, 20),
        ("SELECT 1;\nSELECT\0 2;\n", 2, 7),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(script: str, line: int, column: int) -> None:
    with pytest.raises(ScriptError) as caught:
        texts_and_data(script)
    assert caught.value.code == "script.unreadable"
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


@pytest.mark.parametrize(
    "copy",
    [
        "COPY t FROM STDIN",
        "copy t (a, b) from stdin with (format csv, delimiter ';')",
        "COPY t FROM\n  STDIN",
        "COPY t /* from */ FROM -- ;\n stdin",
        'COPY "from" FROM stdin WHERE a > 1',
    ],
)
def test_the_data_of_copy_pass_through_as_they_are(copy: str) -> None:
    data = ["it's;\t\"x\n", "$$ /* -- \\N\n", "\n", "E'\\\\.\n"]
    found = texts_and_data(f"SELECT 1;\n{copy};\n{''.join(data)}\\.\nSELECT 2;")
    assert found == [("SELECT 1", []), (copy, data), ("SELECT 2", [])]


def test_data_that_nobody_reads_are_skipped() -> None:
    assert texts("COPY t FROM stdin;\n1;\n\\.\nSELECT 2;") == ["COPY t FROM stdin", "SELECT 2"]


@pytest.mark.parametrize(
    "statement",
    ["COPY t TO stdout", "COPY t FROM '/tmp/stdin'", "COPY (SELECT a FROM stdin) TO stdout", "SELECT a FROM stdin",
     "COPY t FROM PROGRAM 'cat'", "INSERT INTO copy SELECT * FROM stdin"],
)  # fmt: skip
def test_other_statements_are_not_taken_for_copy_from_stdin(statement: str) -> None:
    assert texts(f"{statement};\nSELECT 2;") == [statement, "SELECT 2"]


def test_a_script_is_read_no_further_than_its_statements_were_asked_for() -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"SELECT {read};\n"

    statements = split(endless())
    assert [next(statements).text for _ in range(3)] == ["SELECT 1", "SELECT 2", "SELECT 3"]
    assert read == 3


_INSIDES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'\"\\$*/\0\ufeff"))
_TOKENS = st.one_of(
    _INSIDES.map(lambda text: f"'{text}'"),
    _INSIDES.map(lambda text: f"E'{text}\\';'"),
    _INSIDES.map(lambda text: f'"{text};"'),
    _INSIDES.map(lambda text: f"$q$;{text}'$q$"),
    _INSIDES.map(lambda text: f"/* ;' {text} /* \" */ */"),
    _INSIDES.map(lambda text: f"-- ;' {' '.join(text.splitlines())}\n"),
    st.sampled_from(["(1)", "a$b$", ",", "x", "1.5", "::text", "(';')", "\n", "- -", "/ *", "$1"]),
)
_STATEMENTS = st.lists(_TOKENS, max_size=6).map(lambda tokens: "SELECT " + " ".join(tokens))


@example(["SELECT -- no-break space \xa0\n"], ";")
@given(st.lists(_STATEMENTS, max_size=6), st.sampled_from([";", " ; ", ";\n", "\n;\r\n-- between ;\n", "; /* ; */ "]))
def test_statements_that_were_joined_are_found_again(statements: list[str], separator: str) -> None:
    blanks = " \t\n\r\f\v"
    found = texts("".join(statement + separator for statement in statements))
    assert [text.strip(blanks) for text in found] == [text.strip(blanks) for text in statements]


@given(st.text(st.sampled_from("ab'\"$;()\\-/*\n \tEU&"), max_size=60))
def test_no_text_is_lost_or_made_up(script: str) -> None:
    """Every statement stands in the script at its place, in order, and between them are only blanks and comments."""
    try:
        statements = list(split(lines_of(script)))
    except ScriptError:
        return
    starts = [0]
    for line in lines_of(script):
        starts.append(starts[-1] + len(line))
    end = 0
    for statement in statements:
        at = starts[statement.line - 1] + statement.column - 1
        assert at >= end
        assert script.startswith(statement.text, at)
        end = at + len(statement.text)

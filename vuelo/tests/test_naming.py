"""File names and versions: what Flyway accepts, and how versions compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuelo.naming import Kind, Naming, Version, parse_name

parts = st.lists(st.integers(0, 10**20), min_size=1, max_size=5)


def dotted(numbers: list[int], separator: str = ".") -> str:
    return separator.join(str(number) for number in numbers)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("1", "2"),
        ("1.2", "1.10"),
        ("1.9", "2"),
        ("1", "1.0.1"),
        ("0", "0.1"),
        ("0_1", "1"),
        ("2.0", "10"),
        ("99", "20261122103000"),
        ("20261122103000", "20261122103001"),
        ("1.99999999999999999999", "1.100000000000000000000"),
    ],
)
def test_a_version_is_lower_than_another_as_numbers_part_by_part(lower: str, higher: str) -> None:
    assert Version.parse(lower) < Version.parse(higher)
    assert not Version.parse(higher) < Version.parse(lower)
    assert Version.parse(lower) != Version.parse(higher)


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", "01"), ("1.1", "1_1"), ("1", "1.0.0"), ("0", "0.0")])
def test_versions_that_differ_in_writing_alone_are_the_same_version(one: str, other: str) -> None:
    assert Version.parse(one) == Version.parse(other)
    assert hash(Version.parse(one)) == hash(Version.parse(other))


@pytest.mark.parametrize(("text", "stored"), [("1_1", "1.1"), ("002", "002"), ("1.0", "1.0"), ("01_02", "01.02")])
def test_the_stored_text_has_dots_and_keeps_its_zeros(text: str, stored: str) -> None:
    assert str(Version.parse(text)) == stored


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".1", "1..2", "1__2", "a", "1a", "-1", "1.-2", " 1", "1\n", "१", "1,2"]
)
def test_what_is_not_digits_between_single_separators_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version.parse(text)


@given(parts, parts)
def test_order_is_that_of_the_numbers_padded_with_zeros(one: list[int], other: list[int]) -> None:
    width = max(len(one), len(other))
    left, right = one + [0] * (width - len(one)), other + [0] * (width - len(other))
    first, second = Version.parse(dotted(one)), Version.parse(dotted(other, "_"))
    assert (first < second, first == second, first > second) == (left < right, left == right, left > right)


@given(parts, st.integers(0, 3), st.integers(0, 3))
def test_leading_and_trailing_zeros_do_not_count(numbers: list[int], leading: int, trailing: int) -> None:
    padded = "0" * leading + dotted(numbers) + ".0" * trailing
    assert Version.parse(padded) == Version.parse(dotted(numbers))
    assert hash(Version.parse(padded)) == hash(Version.parse(dotted(numbers)))


@pytest.mark.parametrize(
    ("name", "kind", "version", "description"),
    [
        ("V1__Create_auth_schema.sql", Kind.VERSIONED, "1", "Create auth schema"),
        ("V1_1__x.sql", Kind.VERSIONED, "1.1", "x"),
        ("V1.1__x.sql", Kind.VERSIONED, "1.1", "x"),
        ("V20261122103000__x.sql", Kind.VERSIONED, "20261122103000", "x"),
        ("V002.sql", Kind.VERSIONED, "002", ""),
        ("V1__x.SQL", Kind.VERSIONED, "1", "x"),
        ("V1__a__b.sql", Kind.VERSIONED, "1", "a  b"),
        ("V1__a.b-c d.sql", Kind.VERSIONED, "1", "a.b-c d"),
        ("U1__Create_auth_schema.sql", Kind.UNDO, "1", "Create auth schema"),
        ("R__90_sample_data.sql", Kind.REPEATABLE, None, "90 sample data"),
        ("V1__Añadir_índice.sql", Kind.VERSIONED, "1", "Añadir índice"),
    ],
)
def test_a_file_name_says_kind_version_and_description(
    name: str, kind: Kind, version: str | None, description: str
) -> None:
    parsed = parse_name(name)
    assert parsed.kind is kind
    assert (None if parsed.version is None else parsed.version.text) == version
    assert parsed.description == description


@pytest.mark.parametrize(
    "name",
    ["V2_a.sql", "v1__a.sql", "V__a.sql", "R1__a.sql", "R.sql", "V1__a.txt", "V1__a.sql.bak", "x.sql", ".sql", "V.sql",
     "beforeMigrate.sql", "V1x__a.sql", "V1.__a.sql", "VV1__a.sql", "V-1__a.sql", "r__a.sql"],
)  # fmt: skip
def test_a_name_that_breaks_the_rules_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_name(name)


def test_a_version_has_to_fit_into_the_history() -> None:
    assert str(parse_name(f"V{'1' * 48}_2__x.sql").version) == "1" * 48 + ".2"
    with pytest.raises(ValueError, match="its version is longer than 50 characters"):
        parse_name(f"V{'1' * 49}_2__x.sql")


@given(
    parts.filter(lambda numbers: len(dotted(numbers)) <= 50),
    st.text(st.characters(exclude_characters="_", exclude_categories=["Cs"]), min_size=1),
)
def test_a_name_put_together_is_read_back(numbers: list[int], description: str) -> None:
    parsed = parse_name(f"V{dotted(numbers, '_')}__{description}.sql")
    assert parsed.version == Version.parse(dotted(numbers))
    assert parsed.description == description


OTHER = Naming("Mig", "Un", "Migrep", "Base", "-", (".pgsql", ".sql"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Mig1-Add_users.pgsql", ("VERSIONED", "1", "Add users")),
        ("Migrep-A view.SQL", ("REPEATABLE", None, "A view")),
        ("Un1_2-x.sql", ("UNDO", "1.2", "x")),
        ("Base3-a-b.sql", ("BASELINE", "3", "a-b")),
        ("Mig2.sql", ("VERSIONED", "2", "")),
    ],
)
def test_prefixes_separator_and_suffixes_can_be_others(name: str, expected: tuple[str, str | None, str]) -> None:
    read = parse_name(name, OTHER)
    assert (read.kind.name, read.version.text if read.version else None, read.description) == expected


@pytest.mark.parametrize("name", ["V1__a.sql", "mig1-a.sql", "Mig1-a.txt", "Migrep1-a.sql", "Mig-a.sql", "R__a.sql"])
def test_other_names_are_refused_then(name: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_name(name, OTHER)


def test_a_baseline_migration_has_a_version() -> None:
    read = parse_name("B2_1__All_until_now.sql")
    assert (read.kind, str(read.version), read.description) == (Kind.BASELINE, "2.1", "All until now")

"""`vuelo docs`: what a schema holds is on its page, the page needs nothing else, and equal schemas give equal bytes."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest

import vuelo
from vuelo.dictionary.catalogue import Catalogue
from vuelo.dictionary.diagram import drawn
from vuelo.dictionary.markdown import markdown
from vuelo.dictionary.pages import Format, live_catalogues, pages
from vuelo.dictionary.words import Language, words

Connection = psycopg.Connection[Any]
Command = Callable[..., "CompletedProcess[str]"]
_SHOP = """
CREATE TYPE colour AS ENUM ('red', 'a|b');
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT customers_pk PRIMARY KEY,
    email character varying(80) NOT NULL CONSTRAINT customers_email_key UNIQUE,
    parent_id bigint CONSTRAINT customers_parent_fk REFERENCES customers
);
COMMENT ON TABLE customers IS 'Who buys <b>here</b> & there.';
COMMENT ON COLUMN customers.email IS 'Personal data: a | b';
CREATE TABLE orders (
    id bigint,
    customer_id bigint NOT NULL CONSTRAINT orders_customer_fk REFERENCES customers ON DELETE CASCADE,
    total numeric(12, 2) DEFAULT 0 CONSTRAINT orders_total_check CHECK (total >= 0),
    placed_at timestamp with time zone NOT NULL,
    CONSTRAINT orders_pk PRIMARY KEY (id, placed_at)
) PARTITION BY RANGE (placed_at);
CREATE TABLE orders_2026 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX orders_customer_idx ON orders (customer_id) WHERE total > 0;
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 100;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER orders_touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON FUNCTION touch() IS 'Nothing yet.';
"""


@pytest.fixture
def shop(make_project: Callable[..., vuelo.Project]) -> vuelo.Project:
    files = {"V1__orders.sql": _SHOP, "V2__no.sql": "SELECT 1;", "U2__no.sql": "SELECT 1;", "R__view.sql": "SELECT 1;"}
    project = make_project({"shop": files})
    vuelo.migrate(project)
    vuelo.undo(project)
    return project


@pytest.fixture
def catalogue(shop: vuelo.Project) -> Catalogue:
    [found] = live_catalogues(shop)
    return found


def test_everything_of_a_schema_is_read(catalogue: Catalogue) -> None:
    customers, orders = catalogue.tables
    assert (customers.name, orders.name) == ("customers", "orders")
    assert orders.partition_key == "RANGE (placed_at)"
    assert [(c.name, c.type, c.required, c.default) for c in orders.columns] == [
        ("id", "bigint", True, None),
        ("customer_id", "bigint", True, None),
        ("total", "numeric(12,2)", False, "0"),
        ("placed_at", "timestamp with time zone", True, None),
    ]
    assert customers.columns[0].default == "GENERATED ALWAYS AS IDENTITY"
    assert [(c.name, c.type) for c in orders.constraints] == [
        ("orders_pk", "p"), ("orders_customer_fk", "f"), ("orders_total_check", "c"),
    ]  # fmt: skip
    key = orders.constraints[1]
    assert (key.columns, key.refers_to, key.refers_to_columns) == (["customer_id"], "customers", ["id"])
    assert [index.name for index in orders.indexes] == ["orders_customer_idx"]
    assert [trigger.name for trigger in customers.triggers] == ["orders_touch"]
    assert [(view.name, view.kind) for view in catalogue.views] == [("big_orders", "view")]
    assert [(one.name, one.returns, one.security_definer) for one in catalogue.routines] == [("touch", "trigger", True)]
    code, colour = catalogue.types
    assert code.name == "code"
    assert (colour.name, colour.definition) == ("colour", "ENUM ('red', 'a|b')")
    assert [one.script for one in catalogue.migrations] == ["V1__orders.sql"]  # 2 is undone, and R with it
    assert catalogue.migrations[0].installed_on


class Page(HTMLParser):
    """What a page refers to, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids |= {values["id"] or ""} if "id" in values else set()
        self.links += [values["href"] or ""] if "href" in values and tag == "a" else []
        self.fetched += [v or "" for k, v in attrs if k in ("src", "srcset", "data") or (k == "href" and tag != "a")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("language", list(Language))
def test_a_page_opens_from_disk_and_needs_nothing_else(catalogue: Catalogue, language: Language) -> None:
    files = pages([catalogue], Format.HTML, language)
    assert sorted(files) == ["index.html", "shop.html", "shop.svg"]
    page = Page(files["shop.html"])
    assert page.fetched == []
    assert re.findall(r"@import|url\(", files["shop.html"]) == []
    inside = {link for link in page.links if link.startswith("#")}
    assert {link[1:] for link in inside} <= page.ids
    assert {link for link in page.links if not link.startswith("#")} <= set(files)
    assert {"r-customers", "r-orders", "r-big_orders"} <= page.ids
    text = " ".join(" ".join(page.words).split())
    for part in (
        "Who buys <b>here</b> & there.",
        "orders_total_check",
        "RANGE (placed_at)",
        "V1__orders.sql",
        "touch()",
    ):
        assert part in text
    assert f'<html lang="{language}">' in files["shop.html"]
    assert ("Restricciones" in text) == (language is Language.SPANISH)


def test_both_languages_have_every_word() -> None:
    assert words(Language.ENGLISH).keys() == words(Language.SPANISH).keys()


def test_a_drawing_is_valid_and_shows_keys_and_what_may_be_null(catalogue: Catalogue) -> None:
    drawing = ElementTree.fromstring(drawn(catalogue, "Shop"))  # noqa: S314  we wrote it
    name = "{http://www.w3.org/2000/svg}"
    tables = {g.get("data-table"): g for g in drawing.iter(f"{name}g") if g.get("data-table")}
    assert sorted(filter(None, tables)) == ["customers", "orders"]
    texts = ["".join(text.itertext()) for text in tables["customers"].iter(f"{name}text")]
    assert texts == [
        "customers", "PK", "id", "bigint", "email", "varchar(80)", "FK", "parent_id", "bigint null",
    ]  # fmt: skip
    links = {(g.get("data-one"), g.get("data-many")) for g in drawing.iter(f"{name}g") if g.get("data-one")}
    assert links == {("customers", "customers"), ("customers", "orders")}


def test_markdown_shows_marks_as_they_are(catalogue: Catalogue) -> None:
    text = markdown(catalogue, words(Language.ENGLISH))
    assert "Who buys \\<b\\>here\\</b\\> & there." in text
    assert "| `email` | `varchar(80)` |  |  | Personal data: a \\| b |" in text
    assert "| `colour` | `ENUM ('red', 'a\\|b')` |  |" in text
    assert "- `orders_total_check`: `CHECK (total >= 0::numeric)`" in text
    assert "![Entity-relationship diagram of shop](shop.svg)" in text


def test_the_command_writes_what_the_migrations_build_and_knows_when_it_is_stale(
    make_project: Callable[..., vuelo.Project], cli: Command, tmp_path: Path
) -> None:
    make_project({"shop": {"V1__a.sql": "CREATE TABLE a (id int);"}, "till": {"V1__b.sql": "CREATE TABLE b (id int);"}})
    arguments = ("docs", "--out", "pages", "--format", "markdown", "--lang", "es")
    assert cli(*arguments, "--check").returncode == 1
    done = cli(*arguments)
    assert (done.returncode, done.stdout) == (0, "4 files in pages, 4 of them new or changed\n")
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == [
        "shop.md",
        "shop.svg",
        "till.md",
        "till.svg",
    ]
    assert "### `a`" in (tmp_path / "pages" / "shop.md").read_text()
    assert cli(*arguments).stdout == "4 files in pages, 0 of them new or changed\n"
    assert cli(*arguments, "--check").stdout == "4 files are current\n"
    make_project({"shop": {"V2__c.sql": "CREATE TABLE c (id int);"}, "till": {}})
    stale = cli(*arguments, "--check")
    assert (stale.returncode, stale.stdout) == (1, "stale: shop.svg, shop.md\n")


def test_a_live_database_without_the_schema_is_an_error(
    make_project: Callable[..., vuelo.Project], cli: Command
) -> None:
    make_project({"shop": {}})
    done = cli("docs", "--live", "-o", "pages")
    assert done.returncode == 1
    assert "error: shop: there is no schema shop" in done.stderr

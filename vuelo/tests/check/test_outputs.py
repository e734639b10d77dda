"""What the command prints and how it exits: for people, as JSON, as SARIF, as GitHub's annotations."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vuelo

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

_CLEAN = """-- file: V1__Orders.sql
-- Orders.
CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_pk PRIMARY KEY (id));
COMMENT ON TABLE shop.orders IS 'Orders.';
-- file: U1__Orders.sql
-- Back.
DROP TABLE shop.orders;
"""
_WARNING = _CLEAN.replace("COMMENT ON TABLE shop.orders IS 'Orders.';\n", "")
_ERROR = _CLEAN.replace("DROP TABLE shop.orders;", "DROP TABLE shop.order_lines, shop.orders;")


@pytest.fixture
def run(shop: Callable[..., vuelo.Project], cli: Cli) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    def check(example: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        shop(example)
        return cli("check", *arguments)

    return check


def test_a_clean_project_exits_with_0(run: Cli) -> None:
    done = run(_CLEAN)
    assert (done.returncode, done.stdout) == (0, "1 service, 2 files: nothing found\n")


def test_warnings_fail_only_where_that_is_wanted(run: Cli) -> None:
    assert run(_WARNING).returncode == 0
    assert run(_WARNING, "--strict").returncode == 1
    assert run(_WARNING, "--strict", "--ignore-rule", "table-without-comment").returncode == 0


def test_an_error_is_shown_with_its_line_a_caret_and_a_hint(run: Cli) -> None:
    done = run(_ERROR)
    assert done.returncode == 1
    assert done.stdout == (
        "error[unknown-table]: there is no table shop.order_lines\n"
        " --> shop/U1__Orders.sql:2:1\n"
        "  |\n"
        "2 | DROP TABLE shop.order_lines, shop.orders;\n"
        "  | ^\n"
        "hint: did you mean shop.orders?\n"
        "\n"
        "1 service, 2 files: 1 error, 0 warnings\n"
    )


def test_every_file_has_a_line_where_that_is_wanted(run: Cli) -> None:
    lines = run(_ERROR, "--per-file").stdout.splitlines()
    assert lines[0] == "ok      shop: shop/V1__Orders.sql"
    assert lines[1] == "error   shop: shop/U1__Orders.sql"
    assert run(_WARNING, "--per-file").stdout.startswith("warning shop: shop/V1__Orders.sql\n")


def test_one_rule_alone(run: Cli) -> None:
    assert run(_ERROR, "--rule", "missing-undo").returncode == 0


@pytest.mark.parametrize("option", ["--rule", "--ignore-rule"])
def test_a_rule_that_does_not_exist_is_wrong_usage_and_the_nearest_are_named(run: Cli, option: str) -> None:
    done = run(_ERROR, option, "unknown-colum")
    assert (done.returncode, done.stdout) == (2, "")
    said = " ".join(done.stderr.replace("│", " ").split())
    assert "no rule unknown-colum: did you mean unknown-column" in said
    assert "value-too-long" not in said


def test_json_and_another_format_together_are_wrong_usage(run: Cli) -> None:
    done = run(_CLEAN, "--format", "sarif", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert run(_CLEAN, "--format", "json", "--json").returncode == 0


def test_json(run: Cli) -> None:
    done = run(_ERROR, "--json")
    data = json.loads(done.stdout)
    assert done.returncode == 1
    assert (data["errors"], data["warnings"]) == (1, 0)
    assert data["files"] == [
        {"service": "shop", "file": "shop/V1__Orders.sql"},
        {"service": "shop", "file": "shop/U1__Orders.sql"},
    ]
    assert data["findings"] == [
        {
            "rule": "unknown-table",
            "severity": "error",
            "message": "there is no table shop.order_lines",
            "hint": "did you mean shop.orders?",
            "service": "shop",
            "file": "shop/U1__Orders.sql",
            "line": 2,
            "column": 1,
        }
    ]


def test_sarif_has_what_its_schema_asks_for(run: Cli) -> None:
    log: dict[str, Any] = json.loads(run(_ERROR, "--format", "sarif").stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    driver, results = log["runs"][0]["tool"]["driver"], log["runs"][0]["results"]
    assert driver["name"] == "vuelo check"
    assert all(rule["defaultConfiguration"]["level"] in ("error", "warning") for rule in driver["rules"])
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in driver["rules"])
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    assert [one["ruleId"] for one in results] == ["unknown-table"]
    assert driver["rules"][results[0]["ruleIndex"]]["id"] == "unknown-table"
    assert results[0]["level"] == "error"
    assert results[0]["message"]["text"].startswith("there is no table shop.order_lines")
    place = results[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "shop/U1__Orders.sql"
    assert place["region"] == {"startLine": 2, "startColumn": 1}


def test_github_annotations(run: Cli) -> None:
    done = run(_ERROR, "--format", "github")
    assert done.stdout == (
        "::error file=shop/U1__Orders.sql,line=2,col=1,title=unknown-table::"
        "there is no table shop.order_lines%0Adid you mean shop.orders?\n"
    )


def test_what_means_something_to_github_is_escaped(run: Cli) -> None:
    example = _CLEAN.replace("V1__Orders", "V1__a,b:c%d").replace("CREATE TABLE", "SELECT '\n%'::nothing; CREATE TABLE")
    lines = run(example, "--format", "github", "--rule", "unknown-type").stdout
    assert lines.startswith("::error file=shop/V1__a%2Cb%3Ac%25d.sql,line=3,col=5,title=unknown-type::")


def test_brackets_in_a_message_are_shown_as_they_are(run: Cli) -> None:
    done = run("-- A.\nSELECT '[bold]x'::\"[red]\";\n", "--rule", "unknown-type")
    assert "error[unknown-type]: there is no type [red]\n" in done.stdout
    assert "2 | SELECT '[bold]x'::\"[red]\";\n" in done.stdout


def test_without_the_extra_the_hint_says_what_to_install(shop: Callable[..., vuelo.Project], tmp_path: Path) -> None:
    shop(_CLEAN)
    program = "import sys; sys.modules['postgast'] = None; from vuelo.cli.main import main; main()"
    command = [sys.executable, "-c", program, "check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'vuelo[check]'" in done.stderr

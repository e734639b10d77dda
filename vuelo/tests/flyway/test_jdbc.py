"""JDBC addresses become libpq's. The expectations are what PostgreSQL's JDBC driver documents and does."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from vuelo.errors import VueloError
from vuelo.flyway.jdbc import conninfo, current_schema

LOCAL = {"host": "localhost", "port": "5432"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("jdbc:postgresql://db.example:6543/shop", {"host": "db.example", "port": "6543", "dbname": "shop"}),
        ("jdbc:postgresql://db.example/shop", {"host": "db.example", "port": "5432", "dbname": "shop"}),
        ("jdbc:postgresql:shop", {**LOCAL, "dbname": "shop"}),
        ("jdbc:postgresql:///shop", {**LOCAL, "dbname": "shop"}),
        ("jdbc:postgresql://[2001:db8::1]:6543/shop", {"host": "2001:db8::1", "port": "6543", "dbname": "shop"}),
        ("jdbc:postgresql://a:1,b,[::1]:3/d", {"host": "a,b,::1", "port": "1,5432,3", "dbname": "d"}),
        ("jdbc:postgresql://h/a%20b%2Fc", {"host": "h", "port": "5432", "dbname": "a b/c"}),
        ("jdbc:p6spy:postgresql://h/d", {"host": "h", "port": "5432", "dbname": "d"}),
        ("jdbc:postgresql:shop?user=me&password=p%40s%27s%5C+1", {**LOCAL, "dbname": "shop", "user": "me",
                                                                  "password": "p@s's\\ 1"}),
        ("jdbc:postgresql:shop?user=first&user=last", {**LOCAL, "dbname": "shop", "user": "last"}),
        ("jdbc:postgresql://h/?user=me", {"host": "h", "port": "5432", "dbname": "me", "user": "me"}),
    ],
)  # fmt: skip
def test_host_port_database_and_user(url: str, expected: dict[str, str]) -> None:
    assert conninfo_to_dict(conninfo(url, {}, "here")) == expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("sslmode=verify-ca&sslrootcert=/ca.pem", {"sslmode": "verify-ca", "sslrootcert": "/ca.pem"}),
        ("ssl", {"sslmode": "verify-full"}),
        ("ssl=true", {"sslmode": "verify-full"}),
        ("ssl=false", {}),
        ("ssl=true&sslmode=require", {"sslmode": "require"}),
        ("ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", {"sslmode": "require"}),
        ("ApplicationName=my%20app", {"application_name": "my app"}),
        ("connectTimeout=5", {"connect_timeout": "5"}),
        ("loginTimeout=7", {"connect_timeout": "7"}),
        ("connectTimeout=5&loginTimeout=7", {"connect_timeout": "5"}),
        ("currentSchema=shop,public", {"options": "-c search_path=shop,public"}),
        ("options=-c%20work_mem=1MB&currentSchema=shop", {"options": "-c work_mem=1MB -c search_path=shop"}),
        ('currentSchema="my shop"', {"options": '-c search_path="my\\ shop"'}),
        ("targetServerType=primary", {"target_session_attrs": "primary"}),
        ("targetServerType=preferSecondary", {"target_session_attrs": "prefer-standby"}),
        ("loadBalanceHosts=true", {"load_balance_hosts": "random"}),
        ("tcpKeepAlive=true", {"keepalives": "1"}),
        ("reWriteBatchedInserts=true&prepareThreshold=0&socketTimeout=30", {}),
    ],
)
def test_parameters_that_libpq_knows_under_its_own_names(parameters: str, expected: dict[str, str]) -> None:
    found = conninfo_to_dict(conninfo(f"jdbc:postgresql://h/d?{parameters}", {}, "here"))
    assert found == {"host": "h", "port": "5432", "dbname": "d", **expected}


def test_what_the_address_says_wins_over_separate_properties() -> None:
    found = conninfo_to_dict(conninfo("jdbc:postgresql:d?user=address", {"user": "setting", "password": "x y"}, "here"))
    assert (found["user"], found["password"]) == ("address", "x y")


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:postgresql://h",  # without a slash there is no database
        "jdbc:postgresql:/",
        "jdbc:postgresql://h:0/d",
        "jdbc:postgresql://h:70000/d",
        "jdbc:postgresql://h:x/d",
        "jdbc:postgresql://me:hidden@h/d",
        "jdbc:postgresql://h/d?password=hidden%zz",
        "jdbc:mysql://h/d?password=hidden",
        "postgresql://me:hidden@h/d",
        "jdbc:postgresql://h/d?targetServerType=preferPrimary&password=hidden",
        "jdbc:postgresql://h/d?sslfactory=com.example.Mine&password=hidden",
        "jdbc:postgresql://h/d?sslmod=require&password=hidden",
    ],
)
def test_what_has_no_meaning_is_refused_without_showing_the_address(url: str) -> None:
    with pytest.raises(VueloError) as caught:
        conninfo(url, {"password": "hidden"}, "flyway.conf")
    assert caught.value.code == "config.jdbc"
    assert caught.value.message.startswith("flyway.conf: ")
    assert "hidden" not in caught.value.message + (caught.value.hint or "")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("jdbc:postgresql:d", None),
        ("jdbc:postgresql:d?currentSchema=shop,public", "shop"),
        ("jdbc:postgresql:d?currentSchema=Shop", "shop"),
        ('jdbc:postgresql:d?currentSchema="My ""Shop"""', 'My "Shop"'),
        ('jdbc:postgresql:d?currentSchema="$user",public', None),
    ],
)
def test_the_schema_that_the_address_names(url: str, expected: str | None) -> None:
    assert current_schema(url, {}) == expected

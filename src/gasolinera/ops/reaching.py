"""Where operations work: the six services as their migrations reach them, and `ops_schema`."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import vuelo
from gasolinera.config import PREFIX, Settings, load_settings
from gasolinera.errors import ConfigError
from gasolinera.ops import jobs_schema
from gasolinera.ops.operations_schema import ROLE
from gasolinera.schemas import load_project

_OPS_URL = f"{PREFIX}OPS_DATABASE_URL"
_CONNECT_TIMEOUT_S = 10

Connection = psycopg.Connection[Any]


class Operations(msgspec.Struct, frozen=True):
    """The services with the addresses and owners of their migrations, and where `ops_schema` is."""

    project: vuelo.Project
    ops_url: str

    def service(self, name: str) -> vuelo.Service:
        """Raises VueloError `config.no_service`."""
        return self.project.only([name]).services[0]


@contextmanager
def reachable_operations(environment: str | None = None) -> Generator[Operations]:
    """The embedded server runs meanwhile, where it is one. Raises ConfigError `config.no_database` without a place for
    `ops_schema`, and VueloError.
    """
    with vuelo.reachable(load_project(environment)) as project:
        said = _said().ops_database_url
        ops_url = jobs_schema.jobs_address(project, None if said is None else said.get_secret_value())
        if ops_url is None:
            hint = f"set {_OPS_URL} to the address of the database that keeps what operations remember"
            raise ConfigError("config.no_database", "every service has its own database", hint)
        yield Operations(project, ops_url)


def _said() -> Settings:
    return load_settings({name: value for name, value in os.environ.items() if name == _OPS_URL})


@contextmanager
def ops_session(ops_url: str, *, application_name: str = "gasolinera-ops") -> Generator[Connection]:
    """A session in autocommit as the role ops, which owns `ops_schema` and reads the services'."""
    with _session(ops_url, ROLE, application_name) as conn:
        yield conn


@contextmanager
def owner_session(service: vuelo.Service, *, application_name: str = "gasolinera-ops") -> Generator[Connection]:
    """A session in autocommit as the owner of one service's schema: it may change it, and no other's."""
    with _session(service.url, service.role, application_name) as conn:
        yield conn


@contextmanager
def _session(url: str, role: str | None, application_name: str) -> Generator[Connection]:
    # A machine that is gone answers nothing at all, and the driver would wait for two minutes.
    limit = {} if "PGCONNECT_TIMEOUT" in os.environ else {"connect_timeout": _CONNECT_TIMEOUT_S}
    address = make_conninfo("", **{**limit, **conninfo_to_dict(url)})
    with psycopg.connect(address, autocommit=True, application_name=application_name) as conn:
        conn.execute("SET timezone = 'UTC'")
        if role is not None:
            conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        yield conn

"""What a service brings into a process: routes, consumers of events, jobs, its errors by constraint."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
from litestar import Router

from gasolinera.authentication import IsCurrent
from gasolinera.authority import Authority
from gasolinera.calls import FindUser, UserDirectory
from gasolinera.config import Settings
from gasolinera.coupon_calls import CouponDesk, Coupons
from gasolinera.database import Database
from gasolinera.errors import GasolineraError
from gasolinera.events import Consumer, Outbox
from gasolinera.jobs import Job
from gasolinera.personal_data import ExportPerson
from gasolinera.terminal_calls import VerifyTerminal


class Poller(msgspec.Struct, frozen=True):
    """What a worker runs beside events and jobs, until it is told to stop; in any number of processes at once."""

    name: str
    run: Callable[[Settings, Database, asyncio.Event], Awaitable[None]]


class CouponPoller(msgspec.Struct, frozen=True):
    """Such a loop that asks the coupon service, and auth who people are, wherever those run."""

    name: str
    run: Callable[[Database, Coupons, UserDirectory, asyncio.Event], Awaitable[None]]


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """`refusals`: what breaking a named constraint of the service's schema means to the one who asked.

    `find_user` answers the `UserDirectory` of the services that run in the same process, and `authority` who lost
    access. `is_current` asks the service's own tables whether a caller still is what the token says, for routes that
    require it fresh. `opened` is what the service's routes share while the process answers: in the application's
    state as `<name>_opened`; with `has_pages` they show templates, which the service keeps in its `templates/`.
    `export_person` gives what the service holds about one person: auth, which answers the person, gathers it wherever
    the service runs. `coupon_desk` is what the coupon service answers the redemption service with, `verify_terminal`
    what the station service does.
    """

    name: str
    schema: str
    routers: Sequence[Router]
    outbox: Outbox | None = None
    consumers: Sequence[Consumer] = ()
    jobs: Sequence[Job] = ()
    pollers: Sequence[Poller] = ()
    coupon_pollers: Sequence[CouponPoller] = ()
    refusals: Mapping[str, Callable[[], GasolineraError]] = {}
    find_user: FindUser | None = None
    authority: Callable[[Database], Authority] | None = None
    is_current: IsCurrent | None = None
    opened: Callable[[Settings, Database], AbstractAsyncContextManager[object]] | None = None
    has_pages: bool = False
    export_person: ExportPerson | None = None
    coupon_desk: CouponDesk | None = None
    verify_terminal: VerifyTerminal | None = None

"""How customers watch advertisements after they have bought, each with a player of his own, by the server's clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.ads.models_views import ReportKind, ServedAd, View, ViewStatus
from gasolinera.permissions import Caller, Role
from gasolinera.redemption.models import Cancelled, Status
from gasolinera.redemption.models_tickets import BalanceLine
from gasolinera.simulation.advertising import open_plenty
from gasolinera.simulation.asking import Answer, Api, good
from gasolinera.simulation.expecting import WALLET_TICKETS
from gasolinera.simulation.expecting_raffles import BONUS
from gasolinera.simulation.opening import Opened
from gasolinera.simulation.plan import WATCHING, Customer, Kind, Plan
from gasolinera.simulation.telling import Tally
from gasolinera.simulation.waiting import until

_REPORT_EVERY_S: Final = 1.0
_A_LITTLE_S: Final = 0.1  # later than needed, so that no clock is asked to agree with ours
_LEAST_HIDDEN_S: Final = 2.0
_AT_ONCE: Final = 25
_SOON_S: Final = 60.0


class _Balance(msgspec.Struct, frozen=True):
    items: tuple[BalanceLine, ...]


class Player:
    """One view of one viewer. It says where it stands, and nobody has to believe it."""

    def __init__(self, api: Api, viewer: Caller, served: ServedAd, view_id: UUID) -> None:
        self.served = served
        self.began = time.monotonic()
        self._api = api
        self._viewer = viewer
        self._path = f"/api/ads/views/{view_id}"
        self._sequence = 0

    @property
    def length_s(self) -> float:
        return float(self.served.advertisement.duration_s)

    @property
    def needed_s(self) -> float:
        return self.length_s * self.served.needed_percentage / 100

    @property
    def position_s(self) -> float:
        return min(time.monotonic() - self.began, self.length_s)

    async def say(self, event: ReportKind, position_s: float, *, visible_percent: int = 100) -> Answer:
        said = {"event": event, "visible_percent": visible_percent}
        return await self._send("reports", said, position_s)

    async def play(self, until_s: float) -> None:
        """With a word each second, as players do."""
        while (left_s := until_s - self.position_s) > 0:
            await asyncio.sleep(min(left_s + _A_LITTLE_S, _REPORT_EVERY_S))
            good(await self.say(ReportKind.HEARTBEAT, self.position_s), View)

    async def complete(self, position_s: float) -> Answer:
        return await self._send("complete", {}, position_s)

    async def _send(self, what: str, said: Mapping[str, object], position_s: float) -> Answer:
        self._sequence += 1
        body = {**said, "sequence": self._sequence, "position_s": round(position_s, 2)}
        return await self._api.post(self._viewer, f"{self._path}/{what}", body)


class _Cinema(msgspec.Struct, frozen=True):
    api: Api
    plan: Plan
    opened: Opened
    tally: Tally


async def watch_all(api: Api, plan: Plan, opened: Opened, tally: Tally) -> None:
    """First those for whom the small budget is, all at the same time; then everybody else."""
    cinema = _Cinema(api, plan, opened, tally)
    rush = [viewer for viewer in plan.who(Kind.SPONSORED) if viewer.user_id in tally.earned]
    players = await asyncio.gather(*(_begin(cinema, viewer) for viewer in rush))
    await asyncio.gather(*(_to_the_end(cinema, player) for player in players))
    await open_plenty(api, opened.administrator, plan)
    others = [one for one in plan.who(*WATCHING) if one.kind is not Kind.SPONSORED and one.user_id in tally.earned]
    places = asyncio.Semaphore(_AT_ONCE)

    async def take_place(viewer: Customer) -> None:
        async with places:
            await _VIEWERS[viewer.kind](cinema, viewer)

    await asyncio.gather(*(take_place(viewer) for viewer in others))


async def _begin(cinema: _Cinema, viewer: Customer) -> Player:
    """As soon as the ad engine knows what was bought."""
    caller = Caller(role=Role.CUSTOMER, user_id=viewer.user_id)
    wish = {"reference": cinema.tally.earned[viewer.user_id]}
    answer: Answer | None = None

    async def is_known() -> bool:
        nonlocal answer
        answer = await cinema.api.post(caller, "/api/ads/views", wish)
        return answer.problem != "ads.unknown_redemption"

    await until(is_known, "the ad engine knows what was bought", patience_s=_SOON_S)
    assert answer is not None
    served = good(answer, ServedAd)
    cinema.tally.same((WALLET_TICKETS, BONUS), (served.base_tickets, served.bonus_tickets))
    view = good(await cinema.api.post(caller, "/api/ads/views/start", {"token": served.token}), View)
    cinema.tally.views[view.view_id] = view
    player = Player(cinema.api, caller, served, view.view_id)
    again = await cinema.api.post(caller, "/api/ads/views/start", {"token": served.token})
    cinema.tally.same("ads.token_used", again.problem)
    return player


async def _to_the_end(cinema: _Cinema, player: Player) -> None:
    """Completed twice, with one answer."""
    await player.play(player.needed_s)
    first = good(await player.complete(player.position_s), View)
    again = good(await player.complete(player.position_s), View)
    cinema.tally.same(first, again)
    cinema.tally.seen(first, ViewStatus.COMPLETED)


async def _watching(cinema: _Cinema, viewer: Customer) -> None:
    await _to_the_end(cinema, await _begin(cinema, viewer))


async def _chaining(cinema: _Cinema, viewer: Customer) -> None:
    first = await _begin(cinema, viewer)
    await _to_the_end(cinema, first)
    second = await _begin(cinema, viewer)
    is_another = first.served.advertisement.advertisement_id != second.served.advertisement.advertisement_id
    cinema.tally.same((2, True), (second.served.chain_step, is_another))
    await _to_the_end(cinema, second)


async def _hasty(cinema: _Cinema, viewer: Customer) -> None:
    player = await _begin(cinema, viewer)
    good(await player.say(ReportKind.PAUSE, player.length_s), View)
    cinema.tally.same("ads.not_watched", (await player.complete(player.length_s)).problem)
    cinema.tally.seen(good(await player.say(ReportKind.ABANDON, player.length_s), View), ViewStatus.ABANDONED)


async def _hiding(cinema: _Cinema, viewer: Customer) -> None:
    """Far ahead of the clock three times, and at last where nobody can see it: each alone might be an accident."""
    player = await _begin(cinema, viewer)
    for _ in range(3):
        good(await player.say(ReportKind.HEARTBEAT, player.length_s), View)
    await player.play(player.needed_s)
    good(await player.say(ReportKind.HIDE, player.length_s, visible_percent=0), View)
    await asyncio.sleep(max(_LEAST_HIDDEN_S, time.monotonic() - player.began))  # as long as it was to be seen
    cinema.tally.seen(good(await player.complete(player.length_s), View), ViewStatus.REJECTED)


async def _undoing(cinema: _Cinema, viewer: Customer) -> None:
    """After the bonus is there: what was bought, and what it earned, goes together."""
    await _watching(cinema, viewer)
    caller = Caller(role=Role.CUSTOMER, user_id=viewer.user_id)

    async def has_bonus() -> bool:
        balance = good(await cinema.api.get(caller, "/api/tickets/balance"), _Balance)
        return sum(line.count for line in balance.items) == WALLET_TICKETS + BONUS

    await until(has_bonus, "the bonus tickets are there", patience_s=_SOON_S)
    reference = cinema.tally.earned[viewer.user_id]
    body = {"reason": "the customer changed his mind"}
    station = cinema.tally.redemptions[reference].station_code
    manager = cinema.opened.managers[station]
    done = good(await cinema.api.post(manager, f"/api/redemptions/{reference}/cancel", body), Cancelled)
    cinema.tally.same("RESTORED", done.coupon)
    cinema.tally.keep(done.redemption, Status.CANCELLED)


_VIEWERS: Final[Mapping[Kind, Callable[[_Cinema, Customer], Awaitable[None]]]] = {
    Kind.WATCHING: _watching,
    Kind.CHAINING: _chaining,
    Kind.HASTY: _hasty,
    Kind.HIDING: _hiding,
    Kind.UNDOING: _undoing,
}

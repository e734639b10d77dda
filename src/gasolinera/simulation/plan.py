"""Who comes on the day, to whom, and what for: always the same for the same seed and sizes. Pure."""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

MAX_SEED: Final = 9_999
MIN_CUSTOMERS: Final = 40
PUMP_TICKET: Final = Decimal(200)  # what one ticket costs at the pump; the application is told so
LATE_AMOUNT: Final = Decimal("400.00")
LATE_TICKETS: Final = 2
LATE_BY: Final = timedelta(hours=1)  # beyond an employee's quarter of an hour, within a manager's day
RUSH_AMOUNT: Final = Decimal("500.00")
_SERVED_A_DAY: Final = 80  # customers of one attendant
_MOST_ATTENDANTS: Final = 60  # of one station
_MAX_GUESSES: Final = 5  # wrong codes at one attendant, which the rules against guessing let pass
_PRICES: Final = {"REGULAR": Decimal("23.490"), "PREMIUM": Decimal("25.900"), "DIESEL": Decimal("26.200")}
_CENT: Final = Decimal("0.01")


class Kind(StrEnum):
    """What a customer does. Those up to DUPLICATE need a coupon of the wallet."""

    PLAIN = "PLAIN"  # shows the wallet's code
    TYPED = "TYPED"  # the attendant types the code
    MISTYPED = "MISTYPED"  # at first another one, which is nobody's
    FORGED = "FORGED"  # shows a code with another signature at first
    TWO_STEP = "TWO_STEP"  # validated for one amount, completed with another
    TWICE = "TWICE"  # the request is sent twice at once, then with another amount
    CANCELLED = "CANCELLED"  # and the coupon comes back
    AGAIN = "AGAIN"  # cancelled, then redeemed after all
    STRANGE_STATION = "STRANGE_STATION"  # goes to a station that the campaign does not name, then to another
    TOO_LITTLE = "TOO_LITTLE"  # buys less than the coupon asks for
    DUPLICATE = "DUPLICATE"  # shows the same coupon for the same amount again
    PAPER = "PAPER"  # a coupon on paper; its tickets go to the raffle of choice
    FORFEITED = "FORFEITED"  # cancelled, and by the campaign's policy the coupon stays used
    PUMP_COUPON = "PUMP_COUPON"  # scans the pump's code and adds a coupon on paper
    PUMP = "PUMP"  # scans the pump's code
    RUSH = "RUSH"  # one of too many for a small budget
    FREE = "FREE"  # enters the raffle without buying anything
    LATE = "LATE"  # wants to undo what was bought an hour ago
    HOME = "HOME"  # only looks into the wallet
    # These show the wallet's code, and watch advertisements afterwards.
    WATCHING = "WATCHING"  # one
    CHAINING = "CHAINING"  # two, one after the other
    SPONSORED = "SPONSORED"  # at the same time as too many others for a small budget
    HASTY = "HASTY"  # says that it is over before it can be, and gives up
    HIDING = "HIDING"  # hurries, and hides the player: found out, and nothing is earned
    UNDOING = "UNDOING"  # earns the bonus, then cancels what was bought


# Of a thousand customers; the rest is PLAIN.
_SHARES: Final = {
    Kind.TYPED: 40,
    Kind.MISTYPED: 5,
    Kind.FORGED: 5,
    Kind.TWO_STEP: 120,
    Kind.TWICE: 20,
    Kind.CANCELLED: 20,
    Kind.AGAIN: 10,
    Kind.STRANGE_STATION: 10,
    Kind.TOO_LITTLE: 20,
    Kind.DUPLICATE: 5,
    Kind.PAPER: 120,
    Kind.FORFEITED: 10,
    Kind.PUMP_COUPON: 30,
    Kind.PUMP: 80,
    Kind.RUSH: 50,
    Kind.FREE: 30,
    Kind.LATE: 5,
    Kind.HOME: 100,
    Kind.WATCHING: 20,
    Kind.CHAINING: 5,
    Kind.SPONSORED: 10,
    Kind.HASTY: 1,
    Kind.HIDING: 1,
    Kind.UNDOING: 2,
}
_LEAST: Final = {Kind.SPONSORED: 3}
_MOST_OF_A_KIND_THAT_WATCH: Final = 40  # all of them come from one address, of which so many views are believed
_GUESSES: Final = (Kind.MISTYPED, Kind.FORGED)
ON_PAPER: Final = (Kind.PAPER, Kind.FORFEITED, Kind.PUMP_COUPON)
WATCHING: Final = (Kind.WATCHING, Kind.CHAINING, Kind.SPONSORED, Kind.HASTY, Kind.HIDING, Kind.UNDOING)


class Purchase(msgspec.Struct, frozen=True):
    litres: Decimal
    price_per_litre: Decimal

    @property
    def amount(self) -> Decimal:
        return (self.litres * self.price_per_litre).quantize(_CENT, ROUND_HALF_UP)


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """`purchase` is what goes into the tank in the end, `other` what was said first or is bought besides."""

    user_id: UUID
    device_id: str
    kind: Kind
    fuel_type: str
    purchase: Purchase
    other: Purchase
    pump_tickets: int
    wrong_number: int  # of 60 bits, for a code that is nobody's


class Till(msgspec.Struct, frozen=True):
    """One attendant of one station, and whom he serves, in this order."""

    station_code: str
    user_id: UUID
    customers: tuple[Customer, ...]


class Names(msgspec.Struct, frozen=True):
    """How everything of a seed is called."""

    seed: int

    @property
    def wallet(self) -> str:
        return f"SIM{self.seed:04}_WALLET"

    @property
    def paper(self) -> str:
        return f"SIM{self.seed:04}_PAPER"

    @property
    def rush(self) -> str:
        return f"SIM{self.seed:04}_RUSH"

    @property
    def campaigns(self) -> tuple[str, ...]:
        return (self.wallet, self.paper, self.rush)

    @property
    def raffle(self) -> str:
        return f"SIM{self.seed:04}-RAFFLE"

    @property
    def advertiser(self) -> str:
        return f"SIM{self.seed:04}-SPONSOR"

    @property
    def small_ads(self) -> str:
        """Of the budget that is not enough."""
        return f"SIM{self.seed:04}-SMALL"

    @property
    def plenty_ads(self) -> str:
        return f"SIM{self.seed:04}-PLENTY"

    def station(self, number: int) -> str:
        return f"SIM{self.seed:04}S{number:03}"

    def person(self, role: str, number: int) -> UUID:
        return uuid5(NAMESPACE_URL, f"urn:gasolinera:simulation:{self.seed}:{role}:{number}")

    def phone(self, number: int) -> str:
        """Of a country that there is not: no message ever reaches anybody."""
        return f"+999{self.seed:04}{number:06}"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The last station is named by no campaign. `managers` are those of the stations, in their order."""

    names: Names
    stations: tuple[str, ...]
    managers: tuple[UUID, ...]
    administrators: tuple[UUID, UUID]
    tills: tuple[Till, ...]

    @property
    def customers(self) -> Iterator[Customer]:
        return (customer for till in self.tills for customer in till.customers)

    def count(self, *kinds: Kind) -> int:
        return sum(customer.kind in kinds for customer in self.customers)

    @property
    def paper_coupons(self) -> int:
        """Some stay in the drawer."""
        return self.count(*ON_PAPER) + 10

    @property
    def rush_winners(self) -> int:
        """For how many the budget is enough."""
        return max(1, self.count(Kind.RUSH) * 3 // 5)

    @property
    def paid_views(self) -> int:
        """For how many of the views at the same time the advertiser's budget is enough."""
        return max(1, self.count(Kind.SPONSORED) * 3 // 5)

    def who(self, *kinds: Kind) -> tuple[Customer, ...]:
        return tuple(customer for customer in self.customers if customer.kind in kinds)


def make_plan(seed: int, *, stations: int, customers: int) -> Plan:
    """The last of the stations serves only those who come there by mistake, so there are two at least."""
    assert 0 <= seed <= MAX_SEED
    assert stations >= 2
    assert customers >= MIN_CUSTOMERS
    names = Names(seed)
    rng = random.Random(seed)  # noqa: S311  the same day again is what it is for
    codes = tuple(names.station(number) for number in range(1, stations + 1))
    serving = codes[:-1]
    each = min(max(-(-customers // len(serving) // _SERVED_A_DAY), 2), _MOST_ATTENDANTS)
    attendants = [
        (code, names.person("attendant", 100 * at + n)) for at, code in enumerate(serving) for n in range(each)
    ]
    kinds = _kinds(customers, most_guesses=_MAX_GUESSES * len(attendants))
    rng.shuffle(kinds)
    # The rush is at its beginning; a wrong code goes to each attendant in turn.
    kinds.sort(key=lambda kind: (kind is not Kind.RUSH, kind in _GUESSES))
    drawn = [_customer(rng, names, number, kind) for number, kind in enumerate(kinds)]
    queues = [tuple(drawn[place :: len(attendants)]) for place in range(len(attendants))]
    tills = [Till(code, user, queue) for (code, user), queue in zip(attendants, queues, strict=True)]
    # Somebody has to be at the last station to say no.
    tills.append(Till(codes[-1], names.person("attendant", 100 * (stations - 1)), ()))
    return Plan(
        names=names,
        stations=codes,
        managers=tuple(names.person("manager", number) for number in range(stations)),
        administrators=(names.person("administrator", 1), names.person("administrator", 2)),
        tills=tuple(tills),
    )


def _kinds(customers: int, *, most_guesses: int) -> list[Kind]:
    """Each kind once at least."""
    kinds: deque[Kind] = deque()
    for kind, share in _SHARES.items():
        count = max(_LEAST.get(kind, 1), customers * share // 1000)
        if kind in WATCHING:
            count = min(count, _MOST_OF_A_KIND_THAT_WATCH)
        kinds.extend([kind] * (min(count, most_guesses // len(_GUESSES)) if kind in _GUESSES else count))
    kinds.extend([Kind.PLAIN] * (customers - len(kinds)))
    return list(kinds)


def _customer(rng: random.Random, names: Names, number: int, kind: Kind) -> Customer:
    fuel_type = rng.choices(tuple(_PRICES), (70, 22, 8))[0]
    purchases = [_purchase(rng, fuel_type, 300, 900) for _ in range(2)]
    if kind is Kind.TOO_LITTLE:
        purchases[0] = _purchase(rng, fuel_type, 90, 180)
    return Customer(
        user_id=names.person("customer", number),
        device_id=f"sim-{names.seed}-{number}",
        kind=kind,
        fuel_type=fuel_type,
        purchase=purchases[0],
        other=purchases[1],
        pump_tickets=rng.randint(1, 4),
        wrong_number=rng.getrandbits(60),
    )


def _purchase(rng: random.Random, fuel_type: str, least: int, most: int) -> Purchase:
    price = _PRICES[fuel_type]
    return Purchase((Decimal(rng.randint(least, most)) / price).quantize(Decimal("0.001")), price)


def everybody(plan: Plan) -> Sequence[tuple[UUID, str, str]]:
    """Public id, role and phone of all whom the auth service has to know."""
    staff = [*plan.managers, *(till.user_id for till in plan.tills)]
    people = [
        *((user, "SYSTEM_ADMIN") for user in plan.administrators),
        *((user, "CUSTOMER") for user in staff),  # until they are hired
        *((customer.user_id, "CUSTOMER") for customer in plan.customers),
    ]
    return [(user, role, plan.names.phone(number)) for number, (user, role) in enumerate(people)]

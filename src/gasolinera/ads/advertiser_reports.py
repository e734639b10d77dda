"""What an advertiser is shown of the own campaigns: gathered, and printed."""

from datetime import date

from gasolinera.ads import analytics
from gasolinera.ads import queries_analytics as queries
from gasolinera.ads.errors import unknown_advertiser
from gasolinera.ads.models_analytics import AdBudget, AdMeasure, AdvertiserReport, By, Question
from gasolinera.database import Connection

_PAGE = 1_000
_MOST_ADVERTISEMENTS = 200


async def gather(conn: Connection, advertiser_code: str, *, first_day: date, last_day: date) -> AdvertiserReport:
    """In a transaction that reads at one moment the figures agree with each other. Raises UnknownError."""
    advertiser = await queries.find_advertiser(conn, advertiser_code)
    if advertiser is None:
        raise unknown_advertiser()

    def question(*by: By) -> Question:
        return Question(first_day=first_day, last_day=last_day, advertiser_code=advertiser_code, by=frozenset(by))

    totals = await analytics.read_all(conn, question())
    days = await analytics.read_all(conn, question(By.DAY))
    advertisements = await analytics.rank(
        conn, question(), currency=None, measure=AdMeasure.COMPLETIONS, at_least=0, limit=_MOST_ADVERTISEMENTS
    )
    budgets: list[AdBudget] = []
    cursor = None
    while True:
        page = await analytics.budgets(conn, advertiser_code=advertiser_code, status=None, cursor=cursor, limit=_PAGE)
        budgets += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    return AdvertiserReport(
        advertiser=advertiser,
        as_of=totals.as_of,
        first_day=first_day,
        last_day=last_day,
        totals=totals.items,
        days=days.items,
        advertisements=advertisements.items,
        budgets=tuple(budgets),
    )

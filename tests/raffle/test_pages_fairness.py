"""What everybody may look at: draws with what was promised, results, terms, tickets, and the files to verify them."""

import asyncio
import csv
import re
from hashlib import sha256
from typing import Any

import psycopg

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.raffle.beacon import TEST
from gasolinera.raffle.models_draws import Frozen
from gasolinera.raffle.pages_verify import CHECKS
from gasolinera.raffle.verifying import Trust
from gasolinera.raffle.voiding import void
from tests.raffle.bundle_maker import Draw, Entry, made
from tests.raffle.draw_steps import OPERATOR, Entered, close_raffle, freeze_now, move, signer, terms
from tests.raffle.verifiers import by_module, by_platform
from tests.redemption.desk import Desk
from tests.web.looking import HTML

Admin = psycopg.Connection[Any]
DRAWN = "/fairness/WEEKLY-2026-47"


def shown(desk: Desk, path: str, language: str = "es", status: int = 200) -> str:
    answer = desk.client.get(path, headers=HTML | {"accept-language": language})
    assert answer.status_code == status, answer.text
    return re.sub(r"\s+", " ", answer.text)


def test_all_published_raffles_are_listed_with_their_state(desk: Desk) -> None:
    everything = shown(desk, "/fairness")
    for name in ("Sorteo semanal 47", "Sorteo mensual de diciembre", "Sorteo de aniversario"):
        assert name in everything
    assert "VIP" not in everything
    drawn = shown(desk, "/fairness?stage=drawn")
    assert "Sorteo semanal 47" in drawn
    assert "diciembre" not in drawn
    assert "No raffle matches" in shown(desk, "/fairness?q=nothing", "en")
    rows = list(csv.reader(desk.client.get("/fairness.csv?q=47").text.lstrip("\ufeff").splitlines()))
    assert [row[:3] for row in rows[1:]] == [["WEEKLY-2026-47", "Sorteo semanal 47", "Sorteado"]]


def test_a_drawn_raffle_shows_its_manifest_in_words_and_its_winners_masked(desk: Desk) -> None:
    page = shown(desk, DRAWN)
    for told in ("598142c4e795337d", "Faro de prueba", "TKT••••73KQ", "A•••• R.", "Una oportunidad por persona"):
        assert told in page, told
    assert "TKT39FMDKEB7ZR273KQ" not in page
    assert f"/verify?raffle={DRAWN.rpartition('/')[2]}" in page
    assert "Draw number 1" in shown(desk, DRAWN, "en")
    assert "Bases del sorteo WEEKLY-2026-47" in shown(desk, f"{DRAWN}/terms")
    assert shown(desk, "/fairness/VIP-2026", status=404)


def test_a_frozen_raffle_counts_down_to_its_round(desk: Desk, admin: Admin, settings: Settings) -> None:
    close_raffle(admin, "T-WAITS", [Entered(1, 2), Entered(2, 1)])

    async def work() -> Frozen:
        async with open_database(settings, "raffle") as db:
            return await freeze_now(db, "T-WAITS")

    frozen = asyncio.run(work())
    page = shown(desk, "/fairness/T-WAITS")
    assert frozen.manifest_sha256 in page
    assert 'data-state="/fairness/T-WAITS/state"' in page
    assert desk.client.get("/fairness/T-WAITS/state").json()["draw_status"] == "FROZEN"
    assert "/bundle" not in page
    manifest = desk.client.get("/fairness/T-WAITS/manifest")
    assert sha256(manifest.content).hexdigest() == frozen.manifest_sha256
    assert desk.client.get("/fairness/T-WAITS/bundle").status_code == 409
    assert "Todavía no hay lista congelada" in shown(desk, "/fairness/MONTHLY-2026-12")
    assert "/manifest" not in shown(desk, "/fairness/MONTHLY-2026-12").replace("/manifest.webmanifest", "")


def test_a_draw_that_was_given_up_stays_on_the_page_with_its_reason(
    desk: Desk, admin: Admin, settings: Settings
) -> None:
    raffle = close_raffle(admin, "T-GIVEN-UP", [Entered(1, 2)])

    async def work() -> None:
        async with open_database(settings, "raffle") as db:
            await freeze_now(db, "T-GIVEN-UP", terms(gap_s=900))
            move(admin, raffle, "CANCELLED")
            async with db.transaction(OPERATOR) as conn:
                await void(conn, "T-GIVEN-UP", reason="Se retiró el permiso.", key=signer())

    asyncio.run(work())
    page = shown(desk, "/fairness/T-GIVEN-UP")
    assert "Intentos anulados" in page
    assert "Se retiró el permiso." in page


def test_the_files_of_a_draw_verify(desk: Desk) -> None:
    bundle, entries = (desk.client.get(f"{DRAWN}/{part}") for part in ("bundle", "list"))
    assert 'filename="draw-1-bundle.json"' in bundle.headers["content-disposition"]
    said = by_platform(bundle.content, Trust(chain=TEST), entries.content)
    assert (said.code, said.checks["list"]) == (3, "good")
    assert desk.client.get(f"{DRAWN}/excluded").content == b""


def test_a_ticket_is_looked_up_by_its_number_and_its_holder_is_not_shown(desk: Desk) -> None:
    won = shown(desk, "/fairness/tickets?number=tkt-39fm-dkeb-7zr2-73kq")
    assert "posición 1: Combustible por 8,000 pesos" in won
    assert "Participación 2 de 4 de la lista" in won
    assert "a0000000" not in won
    assert "No salió" in shown(desk, "/fairness/tickets?number=TKTVXNAERWJ430XJQ2T")
    assert "todavía recibe boletos" in shown(desk, "/fairness/tickets?number=TKT4YSQ5F4GVYQA0KNN")
    assert "Ningún sorteo" in shown(desk, "/fairness/tickets?number=TKT0000000000000000")
    wrong = shown(desk, "/fairness/tickets?number=TKT-12", status=422)
    assert 'id="number-error"' in wrong
    assert 'value="TKT-12"' in wrong


def test_tickets_cannot_be_tried_one_after_the_other(desk: Desk) -> None:
    answers = [desk.client.get("/fairness/tickets", headers=HTML).status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]


def test_the_verifiers_page_has_words_for_each_check_that_the_module_makes(desk: Desk) -> None:
    draw = made(Draw(entries=(Entry(1), Entry(2))))
    said = by_module([draw.data], Trust(chain=TEST), lists=[draw.leaves])[0]
    assert set(said.checks) <= set(CHECKS)
    page = shown(desk, "/verify?raffle=weekly-2026-47")
    assert 'data-code="WEEKLY-2026-47"' in page
    assert "sha256-" in desk.client.get("/verify", headers=HTML).headers["content-security-policy"]
    assert 'data-code=""' in shown(desk, "/verify?raffle=MONTHLY-2026-12"), "there is nothing to verify yet"
    assert "Two other ways to verify" in shown(desk, "/verify", "en")

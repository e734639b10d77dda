"""The reference terminal against the platform: enrolled, refreshed, cut off, and back."""

import json
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from litestar.testing import TestClient
from typer.testing import CliRunner

from gasolinera.cli.app import app as cli
from gasolinera.config import Settings
from gasolinera.coupon.qr import QrError
from gasolinera.errors import ConflictError, UnavailableError
from gasolinera.redemption.models import Fuel
from gasolinera.terminal import device
from tests.applications import create_app
from tests.coupon.at_hand import DRIVER, make_campaign, make_coupon, signed_text
from tests.redemption.desk import Desk, totals_disagree
from tests.redemption.offline_steps import enrolment_code, publish, set_limits

Conn = psycopg.Connection[Any]


@pytest.fixture
def desk(settings: Settings) -> Generator[Desk]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield Desk(app, opened)


def sale(text: str) -> device.Sale:
    return device.Sale(
        text=text, employee_number="EMP000022", fuel_type=Fuel.REGULAR, amount=Decimal(500), customer=DRIVER
    )


def test_a_terminal_takes_coupons_without_a_connection_and_tells_them_when_it_is_back(
    settings: Settings, desk: Desk, admin: Conn, tmp_path: Path
) -> None:
    set_limits(desk)
    folder, now = tmp_path / "till", datetime.now(UTC)
    texts = [signed_text(admin, make_coupon(admin, make_campaign(admin, f"TILL{number}"))) for number in range(3)]
    till = device.enrol(folder, "http://testserver.local", enrolment_code(desk), http=desk.client)
    with pytest.raises(ConflictError, match="no lease"):
        device.take(till, sale(texts[0]), now=now)
    publish(settings)
    assert device.refresh(till, now=now, http=desk.client).max_count == 5
    rooted = device.enrol(
        tmp_path / "rooted", till.enrolled.url, enrolment_code(desk), root=bytes(32), http=desk.client
    )
    with pytest.raises(QrError, match="no key that is trusted"):
        device.refresh(rooted, now=now, http=desk.client)

    # No connection: two commands of a shell, and one that is refused.
    run = CliRunner()
    options = ["--employee", "EMP000022", "--fuel", "REGULAR", "--customer", str(DRIVER), "--folder", str(folder)]
    took = run.invoke(cli, ["terminal", "take", "-", "--amount", "500", *options], input=texts[0] + "\n")
    assert took.exit_code == 0, took.output
    assert json.loads(took.stdout) == {
        "sequence": 1, "discount_amount": "50.00", "final_amount": "450.00", "currency": "MXN",
    }  # fmt: skip
    assert isinstance(
        run.invoke(cli, ["terminal", "take", texts[0], "--amount", "5", *options]).exception, ConflictError
    )
    device.take(till, sale(texts[1]), now=datetime.now(UTC))
    with pytest.raises(QrError, match="document ended"):
        device.take(till, sale(texts[2]), now=now + timedelta(days=8))
    assert "2 entries wait" in run.invoke(cli, ["terminal", "show", "--folder", str(folder)]).stdout
    with pytest.raises(UnavailableError):
        device.sync(
            device.Device(
                folder, device.Enrolled(till.enrolled.terminal_code, "JSM001", "http://127.0.0.1:9"), till.key
            )
        )

    # Back, and once more after the answer was lost.
    assert [state.status for state in device.sync(till, http=desk.client)] == ["SETTLED"] * 2
    assert device.waiting(till) == 0
    (folder / "synced.json").unlink()
    assert [state.status for state in device.sync(till, http=desk.client)] == ["SETTLED"] * 2
    assert device.refresh(till, now=now, http=desk.client).first_sequence == 3

    # Switched off: what it holds is good for nothing, without a connection either.
    set_limits(desk, is_enabled=False)
    with pytest.raises(ConflictError, match="takes no coupons"):
        device.refresh(till, now=now, http=desk.client)
    with pytest.raises(ConflictError, match="no lease"):
        device.take(till, sale(texts[2]), now=datetime.now(UTC))
    assert totals_disagree(admin) == []
    assert (folder / "key").stat().st_mode & 0o777 == 0o600

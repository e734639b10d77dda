"""A process that issues what waits, for the tests that kill it: `python -m tests.coupon.issuing_process`."""

import asyncio
import os
import sys

from gasolinera.config import load_settings
from gasolinera.coupon.issuing import Issuer
from gasolinera.database import open_database
from gasolinera.keyring import load_keyring


async def main() -> None:
    settings = load_settings(os.environ)
    async with open_database(settings, "coupon") as db:
        issuer = Issuer(db, load_keyring(settings))
        while await issuer.step():
            sys.stdout.write("issued\n")
            sys.stdout.flush()


asyncio.run(main())

"""`make chaos`: so many runs in a row, each with another seed; ends with 1 at the first that does not add up."""

import argparse
import asyncio
import signal
import sys
import time

from tests.chaos.processes import open_platform
from tests.chaos.run import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=", description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="how often in a run each thing dies")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of the first run")
    asked = parser.parse_args()
    sys.exit(asyncio.run(_run_all(asked.seed, asked.runs, asked.rounds)))


async def _run_all(first: int, runs: int, rounds: int) -> int:
    """On one platform: each run with campaigns and coupons of its own. Ended by SIGTERM it ends what it started."""
    this = asyncio.current_task()
    assert this is not None, "it is run as one"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with open_platform() as platform:
        for seed in range(first, first + runs):
            outcome = await run(platform, seed=seed, rounds=rounds)
            ends = ", ".join(f"{count} {status}" for status, count in sorted(outcome.ends.items()))
            heard = ", ".join(f"{count} times {answer}" for answer, count in sorted(outcome.heard.items()))
            sys.stdout.write(
                f"seed {seed}: {outcome.seconds:.0f} s, {len(outcome.events)} disturbances; {ends}; heard {heard};"
                f" {'all adds up' if not outcome.wrong else 'WRONG'}\n"
            )
            sys.stdout.flush()
            if outcome.wrong:
                sys.stdout.write("\n".join((*outcome.events, *outcome.wrong[:50])) + "\n")
                return 1
    return 0


if __name__ == "__main__":
    main()

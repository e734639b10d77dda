"""`make chaos`: so many runs in a row, each with another seed; ends with 1 at the first that does not add up."""

import argparse
import asyncio
import sys
import time

from tests.chaos.processes import open_cluster
from tests.chaos.run import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=", description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="how often in a run each thing dies")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of the first run")
    asked = parser.parse_args()
    with open_cluster() as cluster:
        for seed in range(asked.seed, asked.seed + asked.runs):
            outcome = asyncio.run(run(cluster, seed=seed, rounds=asked.rounds))
            ends = ", ".join(f"{count} {status}" for status, count in sorted(outcome.ends.items()))
            heard = ", ".join(f"{count} times {answer}" for answer, count in sorted(outcome.heard.items()))
            sys.stdout.write(
                f"seed {seed}: {outcome.seconds:.0f} s, {len(outcome.events)} disturbances; {ends}; heard {heard};"
                f" {'all adds up' if not outcome.wrong else 'WRONG'}\n"
            )
            sys.stdout.flush()
            if outcome.wrong:
                sys.stdout.write("\n".join((*outcome.events, *outcome.wrong[:50])) + "\n")
                sys.exit(1)


if __name__ == "__main__":
    main()

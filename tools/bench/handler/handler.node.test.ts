import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { Scratch } from "../../../src/node/testing/served-store.ts";
import type { StepFigures } from "./count-steps.ts";
import { requestKinds } from "./requests.ts";
import type { KindCosts } from "./run-handler.ts";

const script = join(import.meta.dirname, "../../bench.ts");

async function bench(scratch: Scratch, flags: readonly string[]): Promise<unknown> {
  const child = spawn(process.execPath, [script, "--json", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { TMPDIR: scratch.path },
  });
  let output = "";
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  assert.equal(code, 0);
  return JSON.parse(output);
}

test("bench --only handler: every kind of request is done and has its cost; nothing is left", async () => {
  using scratch = new Scratch();
  const checkout = resolve(import.meta.dirname, "../../..");
  const flags = ["--only", "handler", "--against", checkout, "--connections", "4"];
  const few = ["--rounds", "1", "--requests", "2"];
  const { found } = (await bench(scratch, [...flags, ...few])) as { found: KindCosts[] };
  assert.deepEqual(
    found.map(({ kind }) => kind),
    requestKinds,
  );
  for (const { kind, checkouts } of found) {
    assert.deepEqual(
      checkouts.map(({ name }) => name),
      ["this", "other"],
    );
    for (const { bursts } of checkouts) {
      assert.equal(bursts.length, 1, kind);
      assert.ok(bursts[0]!.micros > 0, kind);
    }
  }
  assert.deepEqual(readdirSync(scratch.path), []);
});

test("bench --only steps: a PUT and a GET are counted, alone and together; nothing is left", async () => {
  using scratch = new Scratch();
  const { counted } = (await bench(scratch, ["--only", "steps"])) as {
    counted: { name: string; figures: StepFigures[] }[];
  };
  assert.equal(counted.length, 1);
  const figures = counted[0]!.figures;
  assert.deepEqual(
    figures.map(({ kind, atOnce }) => `${kind} ${atOnce}`),
    ["put 4 KiB 1", "put 4 KiB 32", "get 4 KiB 1", "get 4 KiB 32"],
  );
  for (const { kind, calls, files, promises, byFile } of figures) {
    assert.ok(calls > files && files > 0 && promises > 0, kind);
    const sum = byFile.reduce((total, each) => total + each.calls, 0);
    assert.ok(Math.abs(sum - calls) < 0.5, `${kind}: ${sum} by file, ${calls} in all`);
  }
  assert.deepEqual(readdirSync(scratch.path), []);
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Scratch, until } from "../../../src/node/testing/served-store.ts";
import type { Comparison } from "./context.ts";

const script = join(import.meta.dirname, "../../bench.ts");

function begin(scratch: Scratch, flags: readonly string[]) {
  const child = spawn(process.execPath, [script, "--json", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { TMPDIR: scratch.path },
  });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  const ended = new Promise<number | null>((done) => child.once("close", done)).then((code) => ({
    code,
    output,
    errors,
  }));
  return { child, ended };
}

test("comparisons: each gives its figures, beside what it is compared with; nothing is left", async () => {
  using scratch = new Scratch();
  const flags = ["--seconds", "1", "--rounds", "1", "--workers", "1", "--keys", "5000"];
  const some = [
    "--only",
    "small",
    "--only",
    "memory",
    "--only",
    "list",
    "--only",
    "start",
    "--connections",
    "8",
    "--uploads",
    "4",
  ];
  const { code, output, errors } = await begin(scratch, [...flags, ...some]).ended;
  assert.equal(code, 0, errors);
  const { comparisons } = JSON.parse(output) as { comparisons: Comparison[] }; // its own output
  const names = comparisons.map(({ what }) => what);
  assert.deepEqual(names, [
    "put 4 KiB, 8 connections",
    "get 4 KiB, 8 connections",
    "records to one sync of an extent, put 4 KiB",
    "private memory of the tree, 4 uploads of 64 MiB at once",
    "private memory of the tree, 4 uploads of 64 MiB once more",
    "LIST page of 1,000",
    "LIST page of 1,000 with delimiter /",
    "start, 5,000 keys beside none",
  ]);
  for (const { what, ours, reference, ratio } of comparisons) {
    assert.ok(ours > 0, what);
    assert.equal(ratio !== undefined && ratio > 0, reference !== undefined, what);
  }
  assert.deepEqual(readdirSync(scratch.path), []);
});

test("comparisons: interrupted, they stop their servers and remove their data", async () => {
  using scratch = new Scratch();
  const { child, ended } = begin(scratch, ["--only", "small", "--seconds", "100"]);
  const stored = (): boolean =>
    readdirSync(scratch.path, { recursive: true }).some((name) => name.includes("extents"));
  await until("a store is there", stored);
  child.kill("SIGINT");
  const { code, errors } = await ended;
  assert.equal(code, 2);
  assert.match(errors, /interrupted/);
  assert.deepEqual(readdirSync(scratch.path), []);
});

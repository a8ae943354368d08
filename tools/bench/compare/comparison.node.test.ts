import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  connectionTo,
  Scratch,
  ServedStore,
  started,
  until,
} from "../../../src/node/testing/served-store.ts";
import type { Row } from "./rows.ts";

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

async function compare(scratch: Scratch, flags: readonly string[]) {
  const short = ["--seconds", "1", "--rounds", "1", "--workers", "1", "--objects", "20"];
  const { code, output, errors } = await begin(scratch, [...short, ...flags]).ended;
  assert.equal(code, 0, errors);
  return JSON.parse(output) as { rows: Row[]; notes: string[] }; // its own output
}

const only = (...names: string[]): string[] => names.flatMap((name) => ["--only", name]);

test("bench --peer: our store, a peer and the bare server are under the same loads; the peer is left as it was", async () => {
  using scratch = new Scratch();
  using place = new Scratch();
  await using peer = new ServedStore([place.directory("peer")]);
  const ready = await started(peer);
  const { endpoint, accessKeyId, secretAccessKey } = ready;
  const named = `another=${endpoint},${peer.child.pid},${accessKeyId},${secretAccessKey}`;
  const svg = place.directory("rates.svg");
  const some = ["put 4 KiB, 4", "delete 4 KiB, 1", "70/20/5/5"].flatMap((name) => ["--load", name]);
  const flags = ["--connections", "4", "--svg", svg, ...some];
  const { rows } = await compare(scratch, ["--peer", named, ...only("small", "mixed"), ...flags]);
  const names = rows.map(({ load, part, store }) => [load, part, store].filter(Boolean).join(", "));
  const mixture = "70/20/5/5 of 4 and 256 KiB, 4 connections";
  const each = (load: string, stores: readonly string[]): string[] =>
    stores.map((store) => `${load}, ${store}`);
  const all = ["holdfast", "another", "bare node:http"];
  assert.deepEqual(names, [
    ...each("put 4 KiB, 4 connections", all),
    ...each("delete 4 KiB, 1 connection", all),
    ...["all", "get", "put", "list", "delete"].flatMap((part) =>
      each(`${mixture}, ${part}`, ["holdfast", "another"]),
    ),
  ]);
  for (const { load, store, kind, rate, ours, failed, cpu, part } of rows) {
    const what = `${load} ${part} ${store}`;
    assert.equal(failed, 0, what);
    assert.ok(cpu === undefined || cpu >= 0, what);
    // In a second of a mixture there may be none of an operation.
    if (part !== "" && part !== "all") continue;
    assert.ok(rate !== undefined && rate > 0, what);
    assert.equal(ours === undefined, kind === "ours", what);
  }
  assert.match(readFileSync(svg, "utf8"), /^<svg [^]*another[^]*<rect [^]*<\/svg>\n$/);
  const buckets = await connectionTo(ready).send("GET", "/");
  assert.doesNotMatch(buckets.body.toString(), /bench-/);
  assert.deepEqual(readdirSync(scratch.path), []);
});

test("bench: each group of loads has its rows; nothing is left", async () => {
  using scratch = new Scratch();
  const sizes = ["--keys", "200", "--connections", "4", "--uploads", "2"];
  const some = ["1 connection", "by /", "uploads"].flatMap((name) => ["--load", name]);
  const groups = only("memory", "list", "start");
  const { rows, notes } = await compare(scratch, [...groups, ...sizes, ...some]);
  const ours = rows.filter(({ kind }) => kind === "ours");
  assert.deepEqual(
    ours.map(({ load }) => load),
    [
      "at rest",
      "list 1,000 of 100 keys by /, 4 connections",
      "list 1,000 of 100 keys, 1 connection",
      "list 1,000 of 200 keys, 1 connection",
      "2 uploads of 64 MiB at once",
    ],
  );
  for (const { load, privateBytes } of ours) assert.ok(privateBytes !== 0, load);
  assert.equal(notes.length, 2);
  assert.match(notes.join("\n"), /start of an empty store: \d+ ms/);
  assert.deepEqual(readdirSync(scratch.path), []);
});

test("bench: interrupted, it stops its servers and removes its data", async () => {
  using scratch = new Scratch();
  const { child, ended } = begin(scratch, [...only("small"), "--seconds", "100"]);
  const stored = (): boolean =>
    readdirSync(scratch.path, { recursive: true }).some((name) => name.includes("extents"));
  await until("a store is there", stored);
  child.kill("SIGINT");
  const { code, errors } = await ended;
  assert.equal(code, 2);
  assert.match(errors, /interrupted/);
  assert.deepEqual(readdirSync(scratch.path), []);
});

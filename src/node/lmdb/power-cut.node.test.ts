import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { allRows } from "../../engine/suite/rows.suite.ts";
import { createHash } from "../platform/hash.ts";
import { openLmdbEngine, verifyLmdb } from "./lmdb-engine.ts";
import { assertKnownRows, knownChange, knownRows } from "./known-changes.suite.ts";
import type { TraceEvent } from "./trace.suite.ts";
import { traceProcess } from "./trace.suite.ts";

/*
 * Power cuts. A process makes the known changes and its system calls are recorded. Then, for every
 * moment, the data file is made again as a power cut at that moment could have left it: what was
 * synced is there, and of what was written since any subset of pages, or of sectors, is. Each must
 * open, hold every change that had been acknowledged by then and no part of any other, and take
 * further changes.
 *
 * The model: a write is atomic for a sector of 512 bytes and no further; an O_DSYNC write is
 * durable when it returned, and any subset of it before; a sync makes durable what was written
 * before.
 */

const program = join(import.meta.dirname, "engine-process.suite.ts");
const hash = createHash();
const changeCount = 60;
/** Changes that are under way together, and so may share a transaction. */
const atOnce = 3;
const stateTimeMs = 12_000;
/** However long they take on a machine that has more to do. */
const statesMin = 200;
const skip =
  spawnSync("strace", ["-f", "-e", "trace=fsync", "true"]).status === 0
    ? false
    : "strace is not to be had here (apt-get install strace)";

let folder: string;
before(() => {
  const memory = "/dev/shm";
  folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "holdfast-power-cut-"));
});
after(() => rmSync(folder, { recursive: true }));

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A moment: what is durable, what may be, and how many changes had been acknowledged. */
interface Moment {
  readonly durable: Uint8Array;
  readonly pending: readonly Piece[];
  readonly acknowledged: number;
}

/** Every moment from `ready` on at which something is other than at the one before. */
function* momentsOf(events: readonly TraceEvent[], metaCounts = true): Generator<Moment> {
  let durable: Uint8Array = new Uint8Array(0);
  let pending: Piece[] = [];
  let acknowledged = 0;
  let ready = false;
  for (const event of events) {
    if (event.kind === "said") {
      ready ||= event.line === "ready";
      if (!event.line.startsWith("ack ")) continue;
      acknowledged = Number(event.line.slice(4));
      yield { durable, pending, acknowledged };
      continue;
    }
    if (event.kind === "rename" || !event.path.endsWith("data.mdb")) continue;
    assert.notEqual(event.kind, "truncate", "the model knows no cutting of the data file");
    if (event.kind === "sync") {
      durable = withPieces(durable, pending);
      pending = [];
    } else if (event.kind === "write") {
      const uncertain = [...pending, event];
      if (ready) yield { durable, pending: uncertain, acknowledged };
      if (event.synced && metaCounts) durable = withPieces(durable, [event]);
      else pending = uncertain;
    }
    if (ready) yield { durable, pending, acknowledged };
  }
}

function withPieces(image: Uint8Array, pieces: readonly Piece[]): Uint8Array {
  const end = Math.max(image.length, ...pieces.map(({ offset, bytes }) => offset + bytes.length));
  const out = new Uint8Array(end);
  out.set(image);
  for (const { offset, bytes } of pieces) out.set(bytes, offset);
  return out;
}

/** The pieces cut at multiples of `unit`. */
function cutAt(pieces: readonly Piece[], unit: number): Piece[] {
  return pieces.flatMap(({ offset, bytes }) => {
    const cut: Piece[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + unit - ((offset + at) % unit));
      cut.push({ offset: offset + at, bytes: bytes.subarray(at, end) });
      at = end;
    }
    return cut;
  });
}

/**
 * Subsets of what is uncertain: in the order written, all but one, one alone, and at random, whole
 * and torn.
 */
function* subsetsOf(pending: readonly Piece[], random: () => number): Generator<readonly Piece[]> {
  const pages = cutAt(pending, 4096);
  const sectors = cutAt(pending, 512);
  yield [];
  if (pending.length === 0) return;
  yield pending;
  const some = (pieces: readonly Piece[], share: number): Piece[] =>
    pieces.filter(() => random() < share);
  for (const share of [0.5, 0.9]) {
    yield some(pages, share);
    yield some(sectors, share);
  }
  const few = pages.length <= 3 ? pages : some(pages, 3 / pages.length);
  for (const piece of few) {
    yield pages.slice(0, pages.indexOf(piece));
    yield pages.filter((each) => each !== piece);
    yield [piece];
  }
}

/** A small generator of numbers from a seed (mulberry32), so that a failure can be had again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Opens the image as an index and asserts what it must hold; `goesOn` also makes changes in it. */
async function assertState(
  image: Uint8Array,
  acknowledged: number,
  goesOn: boolean,
): Promise<void> {
  const path = join(folder, "state");
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  writeFileSync(join(path, "data.mdb"), image);
  const engine = await openLmdbEngine({ path, hash, log: () => undefined, reserveBytes: 0 });
  try {
    const rows = await allRows(engine);
    const there = assertKnownRows(rows, acknowledged, changeCount);
    if (!goesOn) return;
    for (let n = there + 1; n <= there + 5; n++) {
      assert.equal((await engine.commit(knownChange(n))).outcome, "ok");
    }
    assert.deepEqual(await allRows(engine), knownRows(there + 5));
    assert.deepEqual((await verifyLmdb({ path, hash })).problems, []);
  } finally {
    await engine.close();
  }
}

function record(job: string): TraceEvent[] {
  const path = join(folder, "recorded", "index");
  rmSync(dirname(path), { recursive: true, force: true });
  mkdirSync(dirname(path));
  const command = [process.execPath, program, path, job, "1", `${changeCount}`, `${atOnce}`];
  return traceProcess(command, dirname(path), join(folder, "trace"));
}

test(
  "C1, C3: LMDB after a power cut at any moment holds what was acknowledged, whole",
  { skip },
  async (t) => {
    const events = record("commit");
    const moments = [...momentsOf(events)];
    await t.test(
      "a new index is synced before it gets its name, and its name before it is used",
      () => {
        assertMadeDurably(events);
      },
    );
    await t.test(
      "the test notices an acknowledgement before the meta page was durable",
      async () => {
        const careless = [...momentsOf(events, false)].at(-1);
        assert.ok(careless !== undefined && careless.acknowledged === changeCount);
        const written = careless.pending.slice(0, -1);
        await assert.rejects(
          assertState(withPieces(careless.durable, written), changeCount, false),
          {
            message: /acknowledged 60 changes, only 5\d are there/,
          },
        );
      },
    );
    await t.test("every state", async (each) => {
      each.diagnostic(await assertStates(moments, 0));
    });
  },
);

test(
  "C1: LMDB with a commit log after a power cut lacks its last commit at the most, and is whole",
  { skip },
  async (t) => {
    const moments = [...momentsOf(record("commitLogged"))];
    t.diagnostic(await assertStates(moments, atOnce));
    await assert.rejects(assertStates(moments, 0), { message: /acknowledged \d+ changes, only/ });
  },
);

/** Asserts that all acknowledged changes are in every state, but for some of the last. */
async function assertStates(moments: readonly Moment[], lostMax: number): Promise<string> {
  const seed = Date.now() & 0xffff;
  const random = randomFrom(seed);
  const end = performance.now() + stateTimeMs;
  let states = 0;
  let visited = 0;
  for (const { durable, pending, acknowledged } of shuffled(moments, random)) {
    if (performance.now() > end && states >= statesMin) break;
    visited++;
    for (const subset of subsetsOf(pending, random)) {
      const context = `seed ${seed}, moment ${moments.length}, state ${states}`;
      const least = Math.max(0, acknowledged - lostMax);
      await assertState(withPieces(durable, subset), least, states % 8 === 0).catch(
        (cause: unknown) => assert.fail(`${context}: ${String(cause)}`),
      );
      states++;
    }
  }
  assert.ok(states >= statesMin);
  return `${states} states of ${visited} of ${moments.length} moments, seed ${seed}`;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function assertMadeDurably(events: readonly TraceEvent[]): void {
  const ready = events.findIndex((event) => event.kind === "said");
  const renamed = events.findIndex((event) => event.kind === "rename");
  assert.ok(renamed >= 0 && renamed < ready);
  const index = join(folder, "recorded", "index");
  const syncs = events.flatMap((event, at) => (event.kind === "sync" ? [{ ...event, at }] : []));
  const between = (path: string, from: number, to: number): boolean =>
    syncs.some((sync) => sync.path === path && sync.at > from && sync.at < to);
  const firstWrite = events.findIndex(
    (event) => event.kind === "write" && event.path.endsWith("data.mdb"),
  );
  assert.ok(between(join(`${index}.new`, "data.mdb"), firstWrite, renamed), "pages, then the name");
  assert.ok(between(`${index}.new`, firstWrite, renamed), "the names inside, then the name");
  assert.ok(between(dirname(index), renamed, ready), "the name, then ready");
}

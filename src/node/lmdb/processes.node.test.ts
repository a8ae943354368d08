import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { allRows, bytesOf, ChangeMaker, textOf } from "../../engine/suite/rows.suite.ts";
import { isStoreError } from "../../base/errors.ts";
import { createHash } from "../platform/hash.ts";
import { verifyLmdb } from "./lmdb-engine.ts";
import type { LmdbEngine } from "./lmdb-engine.ts";
import { readProcess } from "../platform/process-table.ts";
import { noProc, until } from "../testing/served-store.ts";
import { openTestIndex } from "../testing/test-index.ts";
import { assertKnownRows } from "./known-changes.suite.ts";
import { readRow } from "../../engine/engine.ts";

const program = join(import.meta.dirname, "engine-process.suite.ts");
const hash = createHash();
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-lmdb-"));
});
after(() => rmSync(folder, { recursive: true }));

function openEngine(path: string): Promise<LmdbEngine> {
  return openTestIndex(path);
}

test("C2: two processes that count in one environment lose nothing", async () => {
  const path = join(folder, "count");
  const engine = await openEngine(path);
  const children = ["1", "2"].map((session) =>
    spawn(process.execPath, [program, path, "count", "300", session], { stdio: "ignore" }),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  assert.deepEqual(codes, [0, 0]);
  const row = await readRow(engine, bytesOf("counter"));
  assert.deepEqual(row?.value, Uint8Array.of(0, 0, 600 >> 8, 600 & 255));
  for (let count = 1; count <= 600; count++) {
    const own = await readRow(engine, bytesOf(`row ${count}`));
    assert.deepEqual(own?.value, new Uint8Array(2500).fill(count));
  }
  await engine.close();
  assert.deepEqual((await verifyLmdb({ path, hash })).problems, []);
});

test("C2: what another process was answered is seen at once, in the same turn of the event loop", async () => {
  const path = join(folder, "visible");
  const engine = await openEngine(path);
  const key = bytesOf("k");
  const range = { start: key, end: bytesOf("l") };
  const first = readRow(engine, key);
  const put = spawnSync(process.execPath, [program, path, "put", "k", "theirs"]);
  const second = readRow(engine, key);
  const scanned = engine.scan(range, { limit: 1 });
  const snapshot = engine.snapshot();
  assert.match(put.stdout.toString(), /^ok$/m);
  assert.equal(await first, undefined);
  assert.equal(textOf((await second)?.value ?? key), "theirs");
  assert.equal((await scanned).length, 1);
  assert.notEqual(await readRow(snapshot, key), undefined);
  await engine.close();
});

test("C1: kill -9 in the middle of commits: what was answered is there, and others go on", async () => {
  const path = join(folder, "killed");
  const engine = await openEngine(path);
  let made = 0;
  for (let round = 0; round < 4; round++) {
    const from = made + 1;
    const words = ["commit", `${from}`, `${from + 5000}`, "8"];
    const child = spawn(process.execPath, [program, path, ...words], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let acknowledged = made;
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith("ack ")) acknowledged = Number(line.slice(4));
      if (acknowledged >= from + 40 * round + 3) child.kill("SIGKILL");
    }
    assert.ok(acknowledged >= from);
    made = assertKnownRows(await allRows(engine), acknowledged, from + 5000);
    engine.clearStaleReaders();
  }
  await engine.close();
  const report = await verifyLmdb({ path, hash });
  assert.deepEqual(report.problems, []);
});

test("C1: a process that exits in the middle of commits ends, and lets others commit", async () => {
  const path = join(folder, "exit");
  const engine = await openEngine(path);
  for (let round = 0; round < 3; round++) {
    const words = ["exit", `${round * 10_000 + 1}`, `${round * 10_000 + 9999}`];
    const child = spawn(process.execPath, [program, path, ...words], { stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    const inTime = timer.hasRef() && child.killed === false;
    clearTimeout(timer);
    assert.ok(inTime, "the process did not end by itself");
    assert.ok(code === 3 || signal === "SIGKILL", `${code} ${signal}`);
    engine.clearStaleReaders();
    const puts = [{ key: bytesOf("mine"), value: bytesOf(`${round}`) }];
    assert.equal((await engine.commit(new ChangeMaker().change({ puts }))).outcome, "ok");
  }
  await engine.close();
});

test(
  "C6: commits wait for a stopped process no longer than their limit, and go on when it is killed",
  { skip: noProc },
  async () => {
    const path = join(folder, "stopped");
    const events: string[] = [];
    const log = (_level: string, event: string): void => void events.push(event);
    const engine = await openTestIndex(path, { commitWaitMs: 6_000, log });
    const child = spawn(process.execPath, [program, path, "stopInWrite"], { stdio: "ignore" });
    await until("it is stopped", () => readProcess(child.pid ?? 0)?.state === "T");
    const changes = new ChangeMaker();
    const keys = Array.from({ length: 100 }, (_, index) => bytesOf(`refused ${index}`));
    const results = await Promise.allSettled(
      keys.map((key) => engine.commit(changes.put({ key, value: key }))),
    );
    for (const result of results) {
      assert.ok(result.status === "rejected" && isStoreError(result.reason, "unavailable"));
    }
    assert.deepEqual(events, ["commits_stalled"]);
    const waiting = engine.commit(changes.put({ key: bytesOf("waits"), value: bytesOf("") }));
    child.kill("SIGKILL");
    assert.equal((await waiting).outcome, "ok");
    assert.deepEqual(events, ["commits_stalled", "commits_go_on"]);
    const rows = await allRows(engine);
    assert.deepEqual(
      rows.map(({ key }) => textOf(key)),
      ["waits"],
    );
    await engine.close();
    assert.deepEqual((await verifyLmdb({ path, hash })).problems, []);
  },
);

test("what a process held that died while reading is cleared", async () => {
  const path = join(folder, "stale");
  const engine = await openEngine(path);
  const child = spawn(process.execPath, [program, path, "hold"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface(child.stdout)) {
    if (line === "holding") child.kill("SIGKILL");
  }
  assert.equal(engine.clearStaleReaders(), 1);
  assert.equal(engine.clearStaleReaders(), 0);
  await engine.close();
});

test("a creation that was cut off is begun again", async () => {
  const path = join(folder, "cut-off");
  mkdirSync(join(`${path}.new`, "data.mdb"), { recursive: true });
  const engine = await openEngine(path);
  assert.deepEqual(await allRows(engine), []);
  await engine.close();
});

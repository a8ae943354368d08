// Snapshots of the index, restoring it and comparing it with the extents, from the command line.
import assert from "node:assert/strict";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertHeld, makeBucket, putKeys } from "../node/testing/bucket-content.ts";
import { BreakingProxy } from "../node/testing/breaking-proxy.ts";
import { runHoldfast, runHoldfastWith } from "../node/testing/run-holdfast.ts";
import {
  connectionTo,
  figureOf,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";

const names = ["a", "b", "c"];
const keysOf = (name: string): string[] => Array.from({ length: 8 }, (_, i) => `${name}-${i}`);

const command = (data: readonly string[], ...parameters: readonly string[]) =>
  runHoldfast(...parameters, "--data", data.join(","));

async function serving(
  paths: readonly string[],
  work: (s3: ReturnType<typeof connectionTo>) => Promise<void>,
): Promise<void> {
  await using server = new ServedStore(paths);
  const s3 = connectionTo(await started(server));
  await work(s3);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
}

async function isThere(s3: ReturnType<typeof connectionTo>, key: string): Promise<boolean> {
  return (await s3.send("HEAD", `/bucket/${key}`)).status === 200;
}

test("index snapshot: of a store that is served, to a directory; restored from it when all else is lost", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const backup = scratch.directory("backup");
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
    const { status, stdout, stderr } = await command(paths, "index", "snapshot", "--to", backup);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^Snapshot of commit \d+ in .*backup: \d+ rows, /);
    await putKeys(s3, ["late"]);
  });
  loseIndex(paths);
  const refused = await command(paths, "index", "restore", "--from", backup);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /lacks what the data directories have seen: give --accept-loss/);
  const restored = await command(paths, "index", "restore", "--from", backup, "--accept-loss");
  assert.equal(restored.status, 0, restored.stderr);
  assert.match(restored.stdout, /What was written later is not in it/);
  assert.match(restored.stdout, /Objects that were moved or coded since may be unreadable/);
  await serving(paths, async (s3) => {
    await assertHeld(s3, keysOf("first"));
    assert.equal(await isThere(s3, "late"), false);
    await putKeys(s3, keysOf("second"));
    // A log that begins anew stands on the first snapshot behind it.
    await until("a snapshot", () => Promise.resolve(snapshotsIn(paths[1]).length > 0));
  });
  const verified = await command(paths, "index", "verify", "--json");
  assert.equal(verified.status, 0, verified.stdout);
  const { isClean, rows } = JSON.parse(verified.stdout) as { isClean: boolean; rows: number };
  assert.ok(isClean && rows > 16);
  // The log that began anew is as good as the one before.
  rmSync(join(paths[0] ?? "", "index"), { recursive: true });
  await serving(paths, (s3) => assertHeld(s3, [...keysOf("first"), ...keysOf("second")]));
});

test("index restore: to a commit of before; to a time only where what was deleted is kept", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  let sequence = 0;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
    const { stdout } = await command(paths, "index", "snapshot", "--json");
    ({ sequence } = JSON.parse(stdout) as { sequence: number });
    assert.ok(readdirSync(join(paths[1] ?? "", "snapshots")).length >= 1);
    await putKeys(s3, ["late"]);
  });
  const never = await command(paths, "index", "restore", "--to", new Date().toISOString());
  assert.match(never.stderr, /nothing that was deleted is kept .*--restore-window/);
  const to = ["--to-sequence", String(sequence)];
  assert.match((await command(paths, "index", "restore", ...to)).stderr, /give --accept-loss/);
  const restored = await command(paths, "index", "restore", ...to, "--accept-loss", "--json");
  const { isBehind } = JSON.parse(restored.stdout) as { isBehind: boolean };
  assert.equal(isBehind, true);
  await serving(paths, async (s3) => {
    await assertHeld(s3, keysOf("first"));
    assert.equal(await isThere(s3, "late"), false);
  });
});

test("C1: index restore: the loss of its disk before any start takes nothing of what was restored", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  let sequence = 0;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
    const { stdout } = await command(paths, "index", "snapshot", "--json");
    ({ sequence } = JSON.parse(stdout) as { sequence: number });
    await putKeys(s3, ["late"]);
  });
  const to = ["--to-sequence", String(sequence), "--accept-loss"];
  const restored = await command(paths, "index", "restore", ...to);
  assert.match(restored.stdout, /^A snapshot of it is on 3 disks, /m);
  const [home = "", ...others] = paths;
  renameSync(home, `${home}-lost`);
  await serving(others, async (s3) => {
    await assertHeld(s3, keysOf("first"));
    assert.equal(await isThere(s3, "late"), false);
    await putKeys(s3, keysOf("second"));
  });
});

test("index restore: while disks are missing that may have more, only where a person agrees", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c", "d"].map((name) => scratch.directory(name));
  const [a = "", b = "", c = "", d = ""] = paths;
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    await putKeys(s3, keysOf("first"));
  });
  rmSync(join(a, "index"), { recursive: true });
  for (const path of [b, c]) renameSync(path, `${path}-away`);
  const refused = await command([a, d], "index", "restore");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /so much of its log is missing \([^)]*b, [^)]*c\) .*--accept-loss/);
  const restored = await command([a, d], "index", "restore", "--accept-loss");
  assert.equal(restored.status, 0, restored.stderr);
  await serving([a, d], (s3) => putKeys(s3, keysOf("second")));
  for (const path of [b, c]) renameSync(`${path}-away`, path);
  await serving(paths, (s3) => assertHeld(s3, keysOf("second")));
});

test("index commands: what cannot be meant is refused", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const none = await command(paths, "index", "snapshot");
  assert.match(none.stderr, /does not hold the index of a store: name the data directories/);
  await serving(paths, async (s3) => {
    await makeBucket(s3);
    const busy = await command(paths, "index", "restore");
    assert.match(busy.stderr, /is in use by another Holdfast process/);
  });
  const wrong = await command(paths, "index", "restore", "--to-sequence", "soon");
  assert.equal(wrong.status, 2);
});

/** Once what was committed by now is shipped. */
async function caughtUp(s3: ReturnType<typeof connectionTo>): Promise<void> {
  // Leases are renewed all the time: what comes after these commits is shipped after them.
  for (let looks = 0; looks < 2; looks++) {
    const before = await figureOf(s3, "holdfast_index_shipped_sequence");
    await until(
      "more is shipped",
      async () => (await figureOf(s3, "holdfast_index_shipped_sequence")) > before,
    );
  }
}

function snapshotsIn(path = ""): readonly string[] {
  const directory = join(path, "snapshots");
  return existsSync(directory) ? readdirSync(directory) : [];
}

function loseIndex(paths: readonly string[]): void {
  for (const path of paths) {
    for (const name of ["index", "log", "snapshots"]) {
      rmSync(join(path, name), { recursive: true, force: true });
    }
  }
}

test("serve --ship-index: what was acknowledged some seconds ago is there when all data directories lose the index", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const target = scratch.directory("shipped");
  for (const round of ["first", "second"]) {
    await using server = new ServedStore(paths, ["--ship-index", target]);
    const s3 = connectionTo(await started(server));
    if (round === "first") await makeBucket(s3);
    await putKeys(s3, keysOf(round));
    await caughtUp(s3);
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
  }
  loseIndex(paths);
  const restored = await command(paths, "index", "restore", "--from", target, "--accept-loss");
  assert.equal(restored.status, 0, restored.stderr);
  await serving(paths, (s3) => assertHeld(s3, [...keysOf("first"), ...keysOf("second")]));
});

test("C9: serve --ship-index: a place that is behind gives back all objects of its time, whatever was compacted and coded since", async () => {
  using scratch = new Scratch();
  const paths = ["a", "b", "c", "d", "e", "f"].map((name) => scratch.directory(name));
  const target = scratch.directory("shipped");
  const ends = ["--extent-size", "8MiB", "--seal-after", "1s"];
  const quiet = [...ends, "--code-from", "256MiB", "--compact-at", "95%"];
  const eager = [...ends, "--code-from", "1MiB", "--compact-at", "5%"];
  const serve = async (
    how: readonly string[],
    work: (s3: ReturnType<typeof connectionTo>) => Promise<void>,
  ): Promise<void> => {
    await using server = new ServedStore(paths, ["--ship-index", target, ...how]);
    const s3 = connectionTo(await started(server));
    await work(s3);
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
  };
  const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
  const contentOf = (key: string): string => `${key}\n`.repeat(50_000);
  await serve(quiet, async (s3) => {
    await makeBucket(s3);
    for (const key of keys) await s3.send("PUT", `/bucket/${key}`, { body: contentOf(key) });
    await caughtUp(s3);
  });
  await serve(eager, async (s3) => {
    // From now on nothing is shipped.
    renameSync(target, `${target}-away`);
    for (const key of keys.slice(0, 10)) await s3.send("DELETE", `/bucket/${key}`);
    for (const key of keys.slice(10, 20)) await s3.send("PUT", `/bucket/${key}`, { body: "new" });
    const figure = (name: string): Promise<number> => figureOf(s3, `holdfast_${name}`);
    const gone = async (): Promise<number> =>
      (await figure("background_extents_dropped_total")) +
      (await figure("background_members_removed_total"));
    await until("extents are compacted", async () => {
      return (await figure("background_moved_bytes_total")) > 0;
    });
    await until("extents are coded", async () => {
      return (await figure("background_extents_encoded_total")) > 0;
    });
    // Old copies of what was coded, and what was compacted.
    const keptBytesMin = 8 * 1024 * 1024;
    await until("what was freed waits, or goes", async () => {
      return (await gone()) > 3 || (await figure("index_shipping_kept_bytes")) > keptBytesMin;
    });
    const { stdout } = await command(paths, "status");
    assert.match(stdout, /index shipped +to .* behind; .* freed are kept until it is there/);
  });
  loseIndex(paths);
  renameSync(`${target}-away`, target);
  const restored = await command(paths, "index", "restore", "--from", target, "--accept-loss");
  assert.equal(restored.status, 0, restored.stderr);
  const verified = await command(paths, "index", "verify", "--json");
  assert.equal(verified.status, 0, verified.stdout);
  await serve(eager, async (s3) => {
    for (const key of keys) {
      const { status, body } = await s3.send("GET", `/bucket/${key}`);
      assert.equal(status, 200, `${key}: ${body.toString().slice(0, 300)}`);
      assert.ok(body.toString() === contentOf(key), key);
    }
    // Once that is shipped, what is freed goes.
    const dropped = (): Promise<number> =>
      figureOf(s3, "holdfast_background_extents_dropped_total");
    for (const key of keys.slice(0, 40)) await s3.send("DELETE", `/bucket/${key}`);
    await until("extents are dropped", async () => (await dropped()) > 0);
  });
});

test("serve --ship-index s3://…: a bucket that is away holds nothing up, is caught up with, and gives the index back", async () => {
  using scratch = new Scratch();
  const paths = names.map((name) => scratch.directory(name));
  const vault = scratch.directory("vault");
  await using first = new ServedStore([vault]);
  const target = await started(first);
  const vaultS3 = connectionTo(target);
  await makeBucket(vaultS3);
  vaultS3.close();
  await using proxy = await BreakingProxy.before(target.port);
  const env = {
    HOLDFAST_SHIP_INDEX_ACCESS_KEY_ID: target.accessKeyId,
    HOLDFAST_SHIP_INDEX_SECRET_ACCESS_KEY: target.secretAccessKey,
  };
  const place = "s3://bucket/of/this";
  const endpoint = ["--ship-index-endpoint", proxy.endpoint];
  const lag = "holdfast_index_shipping_lag_seconds";
  await using server = new ServedStore(paths, ["--ship-index", place, ...endpoint], { env });
  const s3 = connectionTo(await started(server));
  await makeBucket(s3);
  await putKeys(s3, keysOf("first"));
  await caughtUp(s3);
  proxy.become("cut");
  await until("a put is cut", () => proxy.broken > 0);
  await putKeys(s3, keysOf("cut"));
  await first.stop();
  proxy.become("refuse");
  await putKeys(s3, keysOf("away"));
  await until("the lag is shown", async () => (await figureOf(s3, lag)) > 8);
  const status = await command(paths, "status");
  assert.match(
    status.stdout,
    /index shipped +to s3:\/\/bucket\/of\/this, commit \d+; \d+ commits and /,
  );
  await using second = new ServedStore([vault]);
  proxy.port = (await started(second)).port;
  proxy.become("pass");
  await until("it is caught up with", async () => (await figureOf(s3, lag)) < 8);
  await putKeys(s3, keysOf("last"));
  await caughtUp(s3);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
  assert.ok(!server.output.includes(target.secretAccessKey));
  loseIndex(paths);
  const from = ["index", "restore", "--from", place, ...endpoint];
  const noKey = await command(paths, ...from);
  assert.match(
    noKey.stderr,
    /there is no key for s3:\/\/bucket: set HOLDFAST_SHIP_INDEX_ACCESS_KEY_ID/,
  );
  const restored = await runHoldfastWith(env, ...from, "--accept-loss", "--data", paths.join(","));
  assert.equal(restored.status, 0, restored.stderr);
  const keys = ["first", "cut", "away", "last"].flatMap(keysOf);
  await serving(paths, (again) => assertHeld(again, keys));
});

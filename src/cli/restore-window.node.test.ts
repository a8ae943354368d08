// A store that keeps what was freed: its index restored to a time of before, by the command.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { S3Connection } from "../node/testing/s3-connection.ts";
import { runHoldfast } from "../node/testing/run-holdfast.ts";
import {
  connectionTo,
  figureOf,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";

const window = ["--restore-window", "1h", "--extent-size", "8MiB"];
/** Extents end by their size, and stay copies. */
const quiet = [...window, "--code-from", "256MiB", "--compact-at", "95%"];
/** Extents end, are compacted and coded within seconds. */
const eager = [...window, "--seal-after", "1s", "--code-from", "1MiB", "--compact-at", "5%"];

type Objects = ReadonlyMap<string, string>;

/** Bytes that say whose they are. */
function contentOf(key: string, version: number): string {
  return `${key} ${version}\n`.repeat(60_000).slice(0, 300 * 1024);
}

const digest = (bytes: string | Buffer): string => createHash("md5").update(bytes).digest("hex");

class KnownBucket {
  readonly #s3: S3Connection;
  readonly #objects: Map<string, string>;

  constructor(s3: S3Connection, objects: Objects = new Map()) {
    this.#s3 = s3;
    this.#objects = new Map(objects);
  }

  async make(): Promise<void> {
    assert.equal((await this.#s3.send("PUT", "/bucket")).status, 200);
  }

  async put(keys: readonly string[], version: number): Promise<void> {
    for (const key of keys) {
      const body = contentOf(key, version);
      assert.equal((await this.#s3.send("PUT", `/bucket/${key}`, { body })).status, 200);
      this.#objects.set(key, digest(body));
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      assert.equal((await this.#s3.send("DELETE", `/bucket/${key}`)).status, 204);
      this.#objects.delete(key);
    }
  }

  /** What is stored now, and a time between this and the next change. */
  async moment(): Promise<{ readonly objects: Objects; readonly time: string }> {
    const time = Date.now() + 1;
    await until("the moment has passed", () => Date.now() > time);
    return { objects: new Map(this.#objects), time: new Date(time).toISOString() };
  }
}

/** Every object is there, byte by byte, and no other. */
async function assertExactly(s3: S3Connection, objects: Objects): Promise<void> {
  for (const [key, wanted] of objects) {
    const { status, body } = await s3.send("GET", `/bucket/${key}`);
    assert.equal(status, 200, `${key}: ${body.toString().slice(0, 300)}`);
    assert.equal(digest(body), wanted, key);
  }
  const listed = (await s3.send("GET", "/bucket?list-type=2")).body.toString();
  const keys = [...listed.matchAll(/<Key>([^<]*)</g)].map(([, key]) => key);
  assert.deepEqual(keys, [...objects.keys()].toSorted());
}

const range = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${name}-${from + i}`);

test("index restore --to: all objects of a moment, although they were deleted, overwritten, compacted and coded since", async () => {
  using scratch = new Scratch();
  const paths = Array.from({ length: 6 }, (_, i) => scratch.directory(`d${i}`));
  const data = ["--data", paths.join(",")];
  const serving = async (how: readonly string[], work: (s3: S3Connection) => Promise<void>) => {
    await using server = new ServedStore(paths, how);
    const s3 = connectionTo(await started(server));
    await work(s3);
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
  };
  const untilAbove = async (s3: S3Connection, name: string, least: number): Promise<void> => {
    await until(`${name} is above ${least}`, async () => (await figureOf(s3, name)) > least);
  };
  /** Waits until extents are shards, and the copies that they were have gone. */
  const untilCoded = async (s3: S3Connection): Promise<void> => {
    await untilAbove(s3, "holdfast_background_extents_encoded_total", 0);
    await untilAbove(s3, "holdfast_background_members_removed_total", 2);
  };
  const moments: Awaited<ReturnType<KnownBucket["moment"]>>[] = [];
  await serving(quiet, async (s3) => {
    const bucket = new KnownBucket(s3);
    await bucket.make();
    // There is a snapshot to begin with.
    await untilAbove(s3, "holdfast_restore_from_timestamp_seconds", 0);
    // The last extents are those of b, and are as they are while the others are compacted.
    await bucket.put([...range("a", 0, 40), ...range("b", 0, 80)], 1);
    moments.push(await bucket.moment());
  });
  await serving(eager, async (s3) => {
    const bucket = new KnownBucket(s3, moments[0]?.objects);
    await bucket.delete(range("a", 0, 15));
    await bucket.put([...range("a", 15, 25), ...range("b", 0, 10)], 2);
    await untilAbove(s3, "holdfast_restore_held_bytes", 8 * 1024 * 1024);
    await untilCoded(s3);
    moments.push(await bucket.moment());
  });
  await serving(quiet, async (s3) => {
    const bucket = new KnownBucket(s3, moments[1]?.objects);
    await bucket.put(range("c", 0, 80), 3);
    moments.push(await bucket.moment());
    await bucket.delete(range("b", 0, 60));
  });
  await serving(eager, async (s3) => {
    await untilCoded(s3);
    assert.equal(await figureOf(s3, "holdfast_background_extents_dropped_total"), 0);
  });
  const never = await runHoldfast("index", "restore", "--to", "2001-01-01T00:00:00Z", ...data);
  assert.match(never.stderr, /not within the restore window: .* any time from 20\d\d-.* to 20\d\d/);
  // Back, and forward again to what that gave up.
  for (const place of [0, 2, 1]) {
    const { objects, time } = must(moments[place], "a moment");
    const restore = ["index", "restore", "--to", time, ...data];
    const asked = await runHoldfast(...restore);
    assert.match(asked.stderr, /give --accept-loss .*; nothing was changed/);
    const restored = await runHoldfast(...restore, "--accept-loss");
    assert.equal(restored.status, 0, restored.stderr);
    const verified = await runHoldfast("index", "verify", "--json", ...data);
    assert.equal(verified.status, 0, verified.stdout);
    const { isClean, strays } = JSON.parse(verified.stdout) as { isClean: boolean; strays: number };
    assert.ok(isClean && strays > 0, `${strays} strays`);
    await serving(eager, async (s3) => {
      await assertExactly(s3, objects);
      const bucket = new KnownBucket(s3, objects);
      await bucket.put(range("d", 0, 8), 4);
      const { objects: more } = await bucket.moment();
      await assertExactly(s3, more);
    });
  }
});

import { encodeUtf8 } from "../base/bytes.ts";
import { Violation } from "./history.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";
import { list, listWith, makeBucket, removeBucket } from "./workload/buckets.ts";
import type { Mix, ClientSession, WorkloadContext } from "./workload/context.ts";
import { multipart } from "./workload/multipart.ts";
import { copy, get, head, pickRange, put, remove, removeMany } from "./workload/objects.ts";
import { versionsMix } from "./workload/versions-mix.ts";
import { changeVersioning, listAllVersions, removeVersion } from "./workload/versions.ts";

/*
 * The clients' workload: a little of everything, on few keys, so that they meet. Some keys share
 * prefixes, one is long, one holds bytes that are the ends of ranges.
 */

export const bucketNames = ["alpha", "beta"] as const;
/** Made and deleted all the time. */
const fleetingBucket = "beta";

export const keyNames: readonly Uint8Array[] = [
  encodeUtf8("a"),
  encodeUtf8("a/b"),
  encodeUtf8("a/c"),
  encodeUtf8("a/c/d"),
  encodeUtf8("a0"),
  encodeUtf8("b/"),
  encodeUtf8("b/\u0000"),
  encodeUtf8(`b/${"long".repeat(200)}`),
  encodeUtf8("c"),
  encodeUtf8("z"),
  encodeUtf8("z\u{10ffff}"),
];

const mix: Mix = [
  [44, put],
  [22, (session, bucket, key) => get(session, bucket, key, pickRange(session))],
  [5, head],
  [12, remove],
  [2, removeMany],
  [6, (session, bucket, key) => copy(session, session.pickTarget(), bucket, key)],
  [8, (session, bucket) => list(session, bucket)],
  [6, multipart],
  [2, race],
  [4, (session) => makeBucket(session, fleetingBucket)],
  [1, emptyAndRemove],
  [2, raceWithRemoval],
];

/** One client, until the run has had its operations. */
export async function runClient(session: ClientSession, isOver: () => boolean): Promise<void> {
  const { random } = session;
  const operations = session.context.isVersioned ? [...mix, ...versionsMix] : mix;
  const weights = operations.reduce((sum, [weight]) => sum + weight, 0);
  while (!isOver()) {
    let roll = random.below(weights);
    const chosen = operations.find(([weight]) => (roll -= weight) < 0);
    const { bucket, key } = session.pickTarget();
    await chosen?.[1](session, bucket, key);
    await session.sleep(pause(random));
  }
}

/**
 * Mostly at once again; now and then so long that leases are renewed, extents age and the
 * background gets on.
 */
function pause(random: SeededRandom): number {
  const roll = random.unit();
  if (roll < 0.5) return 0;
  if (roll < 0.97) return random.unit() * 100;
  return random.between(1000, 40_000);
}

async function emptyAndRemove(session: ClientSession): Promise<void> {
  if (session.random.chance(0.7)) await empty(session, fleetingBucket);
  await removeBucket(session, fleetingBucket);
}

/** Deletes all that can be called by a name. */
async function empty(session: ClientSession, bucket: string): Promise<void> {
  const { context } = session;
  const whole = { bucket, prefix: new Uint8Array(), limit: 1000 };
  for (const { key, asked } of await listAllVersions(session, whole)) {
    if (context.isVersioned) await removeVersion(session, { bucket, key }, asked);
    else await remove(session, bucket, key);
  }
}

/** Writers of one key at the same time. */
async function race(session: ClientSession, bucket: string, key: Uint8Array): Promise<void> {
  await Promise.all([
    put(session, bucket, key),
    put(session, bucket, key),
    remove(session, bucket, key),
    copy(session, session.pickTarget(), bucket, key),
  ]);
}

/** The bucket goes while it is written to. */
async function raceWithRemoval(session: ClientSession): Promise<void> {
  await empty(session, fleetingBucket);
  await Promise.all([
    put(session, fleetingBucket, session.random.pick(keyNames)),
    multipart(session, fleetingBucket, session.random.pick(keyNames)),
    removeBucket(session, fleetingBucket),
  ]);
}

/** Makes what the clients need. */
export async function prepare(session: ClientSession): Promise<void> {
  for (const bucket of bucketNames) await makeBucket(session, bucket);
  if (!session.context.isVersioned || session.random.chance(0.3)) return;
  await changeVersioning(session, bucketNames[0], session.random.pick(["enabled", "suspended"]));
}

/**
 * Reads everything there is, in every way: nothing acknowledged is missing (C1), and lists agree
 * with reads (C2).
 */
export async function readEverything(
  session: ClientSession,
  context: WorkloadContext,
): Promise<void> {
  for (const bucket of context.buckets) {
    const whole = { bucket, prefix: new Uint8Array(), delimiter: undefined, limit: 1000 };
    const names = await listWith(session, whole);
    const grouped = await listWith(session, { ...whole, delimiter: encodeUtf8("/"), limit: 3 });
    const expected = new Set(names.map((name) => name.slice(0, name.indexOf("/") + 1) || name));
    if (grouped.join() !== [...expected].join()) {
      throw new Violation(`C2: ${bucket} lists as ${grouped.join()} instead of ${names.join()}`);
    }
    for (const key of context.keys) await get(session, bucket, key, undefined);
    const all = { bucket, prefix: new Uint8Array(), limit: 1000 };
    for (const { key, asked } of await listAllVersions(session, all)) {
      await get(session, bucket, key, undefined, asked);
    }
  }
}

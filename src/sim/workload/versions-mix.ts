import type { SeededRandom } from "../../platform/seeded-random.ts";
import { uploadIdleMs } from "../roles.ts";
import type { Mix, ClientSession } from "./context.ts";
import { targetName } from "./context.ts";
import { copy, get, pickRange, put, remove } from "./objects.ts";
import { askedFor, nullVersion, pickVersion } from "./version-names.ts";
import { changeVersioning, listAllVersions, removeVersion, tag } from "./versions.ts";

// Further operations of clients, where buckets are versioned.

export const versionsMix: Mix = [
  [14, getVersion],
  [8, removeSomeVersion],
  [4, copyVersion],
  [5, (session, bucket, key) => tag(session, bucket, key)],
  [4, listSomeVersions],
  [4, (session, bucket) => changeVersioning(session, bucket, pickVersioning(session.random))],
  [6, raceOfVersions],
  [6, raceForHead],
  [5, moveNullVersion],
];

async function getVersion(session: ClientSession, bucket: string, key: Uint8Array): Promise<void> {
  const asked = pickVersion(session, targetName(bucket, key));
  await get(session, bucket, key, pickRange(session), asked);
}

async function copyVersion(session: ClientSession, bucket: string, key: Uint8Array): Promise<void> {
  const source = session.pickTarget();
  const asked = pickVersion(session, targetName(source.bucket, source.key));
  await copy(session, { ...source, asked }, bucket, key);
}

async function removeSomeVersion(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
): Promise<void> {
  await removeVersion(session, { bucket, key }, pickVersion(session, targetName(bucket, key)));
}

async function listSomeVersions(session: ClientSession, bucket: string): Promise<void> {
  const { random } = session;
  const from = random.pick(session.context.keys);
  const prefix = from.subarray(0, random.below(from.length + 1));
  await listAllVersions(session, { bucket, prefix, limit: random.pick([2, 5, 1000]) });
}

function pickVersioning(random: SeededRandom): "enabled" | "suspended" {
  return random.chance(0.6) ? "enabled" : "suspended";
}

/** Moves versions of one key and changes them in place at the same time. */
async function raceOfVersions(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
): Promise<void> {
  const { random } = session;
  const removeOne = () => removeSomeVersion(session, bucket, key);
  const choices = [
    removeOne,
    removeOne,
    () => removeVersion(session, { bucket, key }, nullVersion),
    () => put(session, bucket, key),
    () => remove(session, bucket, key),
    () => tag(session, bucket, key),
    () => tag(session, bucket, key),
    () => getVersion(session, bucket, key),
    () => copyVersion(session, bucket, key),
    () => changeVersioning(session, bucket, pickVersioning(random)),
  ];
  const count = random.between(2, 5);
  await Promise.all([removeOne(), ...Array.from({ length: count }, () => random.pick(choices)())]);
}

/** The current version and the one below it go at the same time, and that one changes, too. */
async function raceForHead(session: ClientSession, bucket: string, key: Uint8Array): Promise<void> {
  const { random, context } = session;
  const target = targetName(bucket, key);
  await put(session, bucket, key);
  await put(session, bucket, key);
  const [head, below] = context.versions.newest(target, 2).map(askedFor);
  if (head === undefined || below === undefined) return;
  await Promise.all([
    removeVersion(session, { bucket, key }, head),
    random.chance(0.7)
      ? removeVersion(session, { bucket, key }, below)
      : tag(session, bucket, key, below),
  ]);
  await get(session, bucket, key, undefined, below);
}

/** A null version comes to lie below others, rests there for a while, and goes in some way. */
async function moveNullVersion(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
): Promise<void> {
  const { random } = session;
  await put(session, bucket, key);
  await changeVersioning(session, bucket, "enabled");
  await put(session, bucket, key);
  await put(session, bucket, key);
  if (random.chance(0.3)) await session.sleep(uploadIdleMs);
  const roll = random.unit();
  if (roll < 0.2) await remove(session, bucket, key);
  else if (roll < 0.5) {
    const [newest] = session.context.versions.newest(targetName(bucket, key), 1);
    if (newest !== undefined) await removeVersion(session, { bucket, key }, askedFor(newest));
  } else if (roll < 0.7) {
    await Promise.all([
      removeVersion(session, { bucket, key }, nullVersion),
      remove(session, bucket, key),
      tag(session, bucket, key),
    ]);
  } else {
    await changeVersioning(session, bucket, "suspended");
    await (random.chance(0.7) ? put : remove)(session, bucket, key);
  }
  await get(session, bucket, key, undefined, nullVersion);
}

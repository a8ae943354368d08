import type { WriteCondition } from "../../../src/object/conditions.ts";
import { type HistorySession, type Place, placeName } from "./history-session.ts";
import { nowUs } from "./observation.ts";
import { type Found, list, listVersions, read, readVersion } from "./reads.ts";
import { etagOf } from "./values.ts";
import { copy, multipart, put, remove, removeVersion, setVersioning } from "./writes.ts";

/*
 * A client of the history: it does a little of everything, on few keys, so that clients meet. After
 * some seconds all go on to other keys, so that no key's history, and none of its stack of
 * versions, grows long.
 */

/** How the versioning of each bucket is when the clients begin. */
export const buckets = {
  "never-versioned": undefined,
  versioned: "enabled",
  suspended: "suspended",
  switched: "enabled",
} as const;
export const bucketNames = Object.keys(buckets) as (keyof typeof buckets)[]; // of a literal
const keysAtOnce = 3;
const epochUs = 3_000_000;
const always: WriteCondition = { kind: "always" };
const ifAbsent: WriteCondition = { kind: "ifAbsent" };
/** Versions of a key that a client remembers, and keys: older ones are not written any more. */
const rememberedMax = 30;
const rememberedKeysMax = 2 * keysAtOnce * bucketNames.length;

const mix: readonly (readonly [weight: number, act: (client: HistoryClient) => Promise<void>])[] = [
  [26, (client) => client.put()],
  [20, (client) => client.read("GET")],
  [6, (client) => client.read("HEAD")],
  [10, (client) => client.remove()],
  [6, (client) => client.copy()],
  [4, (client) => client.multipart()],
  [6, (client) => client.list()],
  [6, (client) => client.listVersions()],
  [8, (client) => client.readVersion()],
  [7, (client) => client.removeVersion()],
  [1.5, (client) => client.switchVersioning()],
];
const weights = mix.reduce((sum, [weight]) => sum + weight, 0);

export class HistoryClient {
  readonly #session: HistorySession;
  readonly #prefix: string;
  /** Values and versions of keys, newest last; may be of the past. */
  #known = new Map<string, Found[]>();

  constructor(session: HistorySession, prefix: string) {
    this.#session = session;
    this.#prefix = prefix;
  }

  async work(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (chance(0.1)) this.#session.reconnect();
      let roll = Math.random() * weights;
      await mix.find(([weight]) => (roll -= weight) < 0)?.[1](this);
    }
    this.#session.reconnect();
  }

  async put(): Promise<void> {
    const place = this.#pickPlace();
    const found = await put(this.#session, place, pickSize(), this.#pickCondition(place));
    this.#remember(place, found);
  }

  async multipart(): Promise<void> {
    const place = this.#pickPlace();
    const found = await multipart(this.#session, place, pickSize(), this.#pickCondition(place));
    this.#remember(place, found);
  }

  async read(method: "GET" | "HEAD"): Promise<void> {
    const place = this.#pickPlace();
    this.#remember(place, await read(this.#session, method, place));
  }

  async remove(): Promise<void> {
    const place = this.#pickPlace();
    const known = chance(0.2) ? this.#pickKnown(place, isValue) : undefined;
    const etag = known && (chance(0.3) ? "*" : etagOf(known.name));
    const condition: WriteCondition = etag === undefined ? always : { kind: "ifMatch", etag };
    this.#remember(place, await remove(this.#session, place, condition));
  }

  async copy(): Promise<void> {
    const source = this.#pickPlace();
    const name = this.#pickKnown(source, isValue)?.name;
    if (name === undefined) return;
    const place = this.#pickPlace();
    const condition = chance(0.7) ? always : ifAbsent;
    this.#remember(place, await copy(this.#session, { ...source, name }, place, condition));
  }

  list(): Promise<void> {
    return list(this.#session, pick(bucketNames), this.#keysNow(), pick([1, 2, 1000]));
  }

  async listVersions(): Promise<void> {
    const seen = await listVersions(this.#session, pick(bucketNames), this.#keysNow());
    if (seen.length === 0) return;
    const { place, id } = pick(seen);
    await readVersion(this.#session, place, id);
  }

  async readVersion(): Promise<void> {
    const place = this.#pickPlace();
    await readVersion(this.#session, place, this.#pickVersion(place));
  }

  async removeVersion(): Promise<void> {
    const place = this.#pickPlace();
    await removeVersion(this.#session, place, this.#pickVersion(place));
  }

  async switchVersioning(): Promise<void> {
    await setVersioning(this.#session, "switched", pick(["enabled", "suspended"]));
  }

  /** The keys of this moment: the clock is the same in all processes. */
  #keysNow(): { readonly prefix: string; readonly keys: readonly string[] } {
    const prefix = `${this.#prefix}-${Math.floor(nowUs() / epochUs)}-`;
    return { prefix, keys: Array.from({ length: keysAtOnce }, (_, i) => `${prefix}${i}`) };
  }

  #pickPlace(): Place {
    return { bucket: pick(bucketNames), key: pick(this.#keysNow().keys) };
  }

  #pickCondition(place: Place): WriteCondition {
    const roll = Math.random();
    if (roll < 0.55) return always;
    const known = roll < 0.75 ? undefined : this.#pickKnown(place, isValue);
    return known === undefined ? ifAbsent : { kind: "ifMatch", etag: etagOf(known.name) };
  }

  #pickVersion(place: Place): string {
    const known = this.#pickKnown(place, ({ versionId }) => versionId !== undefined);
    return chance(0.1) ? "null" : (known?.versionId ?? "null");
  }

  /** Mostly one of the newest. */
  #pickKnown(place: Place, fits: (found: Found) => boolean): Found | undefined {
    const known = this.#known.get(placeName(place))?.filter(fits) ?? [];
    return chance(0.7) ? known.at(-1) : pick(known);
  }

  #remember(place: Place, found: Found | undefined): void {
    if (found === undefined) return;
    const name = placeName(place);
    const known = [...(this.#known.get(name) ?? []), found].slice(-rememberedMax);
    this.#known.delete(name);
    this.#known.set(name, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > rememberedKeysMax) this.#known.delete(oldest!);
  }
}

/** Markers are called by clients and numbers alone. */
function isValue({ name }: Found): boolean {
  return /^\d/.test(name);
}

/** A size of a few bytes, of a few blocks, or of nearly a whole record. */
function pickSize(): number {
  const roll = Math.random();
  if (roll < 0.7) return 20 + Math.floor(Math.random() * 3000);
  return 20 + Math.floor(Math.random() * (roll < 0.97 ? 30_000 : 300_000));
}

function chance(share: number): boolean {
  return Math.random() < share;
}

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)]!; // none only where there are none
}

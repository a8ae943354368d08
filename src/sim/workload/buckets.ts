import { compareBytes, decodeUtf8, startsWithBytes } from "../../base/bytes.ts";
import { decodeObjectRow } from "../../format/object-row.ts";
import { createBucket, deleteBucket } from "../../object/bucket/buckets.ts";
import { etagOf } from "../../object/conditions.ts";
import type { ListItem } from "../../object/list/list-objects.ts";
import { listObjects } from "../../object/list/list-objects.ts";
import { inNamedBucket } from "../../object/bucket/in-named-bucket.ts";
import { Violation } from "../history.ts";
import type { KeyStep } from "../key-state.ts";
import { absent } from "../key-state.ts";
import { differenceOf, valueNameOf } from "../values.ts";
import type { Attempt, ClientSession } from "./context.ts";
import { targetName } from "./context.ts";

// Operations of clients on buckets. Each answer says something of every key in the bucket.

export async function makeBucket(session: ClientSession, bucket: string): Promise<void> {
  const attempt = await session.attempt(`make-bucket ${bucket}`, (store) =>
    createBucket(store, { name: bucket, owner: "owner", account: "account", region: store.region }),
  );
  if (attempt.kind === "answer") addToAll(session, bucket, attempt, { kind: "bucketMade" });
  else if (attempt.kind === "unsure") {
    addToAll(session, bucket, attempt, { kind: "bucketMade" }, false);
  } else if (attempt.kind === "refused") {
    const { refusal } = attempt.refusal;
    if (refusal === "bucketOwnedByYou") addToAll(session, bucket, attempt, { kind: "bucketSeen" });
    else session.addRefusal(bucket, attempt);
  }
}

export async function removeBucket(session: ClientSession, bucket: string): Promise<void> {
  const { deletions } = session.context;
  const attempt = await session.attempt(`delete-bucket ${bucket}`, (store) => {
    deletions.add(bucket);
    return deleteBucket(store, bucket);
  });
  if (attempt.kind === "answer") addToAll(session, bucket, attempt, { kind: "bucketDeleted" });
  else if (attempt.kind === "unsure") {
    addToAll(session, bucket, attempt, { kind: "bucketDeleted" }, false);
  } else if (attempt.kind === "refused") {
    const { refusal } = attempt.refusal;
    if (refusal === "bucketNotEmpty") addToAll(session, bucket, attempt, { kind: "bucketSeen" });
    else if (refusal === "noSuchBucket") addNoBucket(session, bucket, attempt);
    else session.addRefusal(bucket, attempt);
  }
}

/** A whole listing, page by page. Each page is a read of every key it covers. */
export async function list(session: ClientSession, bucket: string): Promise<void> {
  const { random, context } = session;
  const from = random.chance(0.4) ? random.pick(context.keys) : new Uint8Array();
  const prefix = from.subarray(0, random.below(from.length + 1));
  const delimiter = random.chance(0.5) ? new Uint8Array([0x2f]) : undefined;
  const limit = random.pick([1, 2, 3, 1000]);
  await listWith(session, { bucket, prefix, delimiter, limit });
}

export interface AskedListing {
  readonly bucket: string;
  readonly prefix: Uint8Array;
  readonly delimiter: Uint8Array | undefined;
  readonly limit: number;
}

/** All pages; returns the keys and prefixes seen, in order, and enters them into the history. */
export async function listWith(session: ClientSession, listing: AskedListing): Promise<string[]> {
  const { bucket, prefix, limit } = listing;
  const names: string[] = [];
  let after: Uint8Array | undefined;
  for (;;) {
    const what = `list ${bucket} "${decodeUtf8(prefix)}" after ${after && decodeUtf8(after)}`;
    const skipped = session.rowsSkipped;
    const attempt = await session.attempt(what, (store) =>
      inNamedBucket(store, listObjects, { ...listing, after }),
    );
    // A page without rows that are damaged says nothing of their keys.
    if (session.rowsSkipped > skipped) return names;
    if (attempt.kind === "refused") {
      if (attempt.refusal.refusal !== "noSuchBucket") session.addRefusal(bucket, attempt);
      addNoBucket(session, bucket, attempt);
    }
    if (attempt.kind !== "answer") return names;
    const { items, truncated } = attempt.answer;
    const last = items.at(-1);
    if (items.length > limit || (truncated && items.length < limit)) {
      throw new Violation(`${attempt.label}: ${items.length} items on a page of ${limit}`);
    }
    addPage(session, listing, { items, after, until: truncated ? last : undefined }, attempt);
    names.push(...items.map((item) => decodeUtf8(nameOf(item))));
    if (!truncated || last === undefined) return names;
    after = nameOf(last);
  }
}

interface PageSeen {
  readonly items: readonly ListItem[];
  readonly after: Uint8Array | undefined;
  /** The last item of a page that has a successor. */
  readonly until: ListItem | undefined;
}

function addPage(
  session: ClientSession,
  listing: AskedListing,
  page: PageSeen,
  attempt: Attempt<unknown>,
): void {
  const { keys, values } = session.context;
  const { bucket, prefix } = listing;
  const seen = new Map<string, ListItem>();
  let previous = page.after;
  for (const item of page.items) {
    const name = nameOf(item);
    if (previous !== undefined && compareBytes(previous, name) >= 0) {
      throw new Violation(`C2: ${attempt.label}: not in order`);
    }
    previous = name;
    seen.set(decodeUtf8(name), item);
  }
  for (const key of keys) {
    if (!startsWithBytes(key, prefix) || !isCovered(key, listing, page)) continue;
    const group = groupOf(key, listing);
    // A common prefix says only that some key is under it.
    if (group !== undefined && seen.has(decodeUtf8(group))) continue;
    const target = targetName(bucket, key);
    const item = group === undefined ? seen.get(decodeUtf8(key)) : undefined;
    if (item?.kind !== "object") {
      session.add(target, attempt, { kind: "read", value: absent });
      continue;
    }
    const etag = etagOf(item.row);
    const value = valueNameOf(decodeObjectRow(item.row.stored), etag);
    const difference = differenceOf(values.get(value), { target, etag, size: item.row.size });
    if (difference !== undefined)
      throw new Violation(`C2: ${attempt.label}: ${value} in ${target}: ${difference}`);
    session.add(target, attempt, { kind: "read", value });
  }
}

/** True if a page shows that the key is there or not. */
function isCovered(key: Uint8Array, listing: AskedListing, { after, until }: PageSeen): boolean {
  const name = groupOf(key, listing) ?? key;
  if (after !== undefined && compareBytes(name, after) <= 0) return false;
  return until === undefined || compareBytes(name, nameOf(until)) <= 0;
}

function groupOf(key: Uint8Array, { prefix, delimiter }: AskedListing): Uint8Array | undefined {
  const [byte] = delimiter ?? [];
  if (byte === undefined) return undefined;
  const at = key.indexOf(byte, prefix.length);
  return at < 0 ? undefined : key.subarray(0, at + 1);
}

function nameOf(item: ListItem): Uint8Array {
  return item.kind === "object" ? item.key : item.prefix;
}

/** Adds the observation that an answer makes about every key of a bucket. */
export function addToAll(
  session: ClientSession,
  bucket: string,
  attempt: Attempt<unknown>,
  step: KeyStep,
  certain = true,
): void {
  for (const key of session.context.keys) {
    session.add(targetName(bucket, key), attempt, step, certain);
  }
}

/** Refused: there is no such bucket, or it is about to go. */
export function addNoBucket(
  session: ClientSession,
  bucket: string,
  attempt: Attempt<unknown> & { kind: "refused" },
): void {
  for (const key of session.context.keys) session.addRefusal(targetName(bucket, key), attempt);
}

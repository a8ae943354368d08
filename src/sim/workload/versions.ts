import { compareBytes, decodeUtf8, startsWithBytes } from "../../base/bytes.ts";
import { decodeObjectRow, type ObjectRow } from "../../format/object-row.ts";
import { deleteObject } from "../../object/write/delete.ts";
import { etagOf } from "../../object/conditions.ts";
import {
  listVersions,
  type VersionListInput,
  type VersionListItem,
} from "../../object/list/list-versions.ts";
import { putTags } from "../../object/write/tags.ts";
import { parseVersionId, versionIdOf } from "../../format/version-id.ts";
import { setVersioning } from "../../object/bucket/buckets.ts";
import { inNamedBucket } from "../../object/bucket/in-named-bucket.ts";
import { Violation } from "../history.ts";
import type { ListedVersion, ValueName } from "../key-state.ts";
import { differenceOf, valueNameOf } from "../values.ts";
import { addNoBucket, addToAll } from "./buckets.ts";
import { type Attempt, type ClientSession, targetName } from "./context.ts";
import { addTagsRead, addTagsWrite, tagsCalled } from "./tag-history.ts";
import {
  askedFor,
  type AskedVersion,
  markerStep,
  noteVersion,
  nothingIn,
  nullVersion,
  readStep,
} from "./version-names.ts";

// Operations of clients on versions, and the observation that each answer makes about the key.

/** A time after all that happens. */
const never = Number.MAX_SAFE_INTEGER;

export async function changeVersioning(
  session: ClientSession,
  bucket: string,
  versioning: "enabled" | "suspended",
): Promise<void> {
  const attempt = await session.attempt(`set-versioning ${bucket} ${versioning}`, (store) =>
    setVersioning(store, bucket, versioning),
  );
  const step = { kind: "versioningSet", versioning } as const;
  if (attempt.kind === "answer") {
    addToAll(session, bucket, attempt, step);
    return;
  }
  const isHalfDone = attempt.kind === "refused" && attempt.refusal.refusal === "operationAborted";
  // A client that got no answer may see it done at any time: the sweep finishes what was begun.
  if (attempt.kind === "unsure" || isHalfDone) {
    addToAll(session, bucket, { ...attempt, end: never }, step, false);
  } else if (attempt.kind === "refused") addNoBucket(session, bucket, attempt);
}

/** Deletes one version permanently. */
export async function removeVersion(
  session: ClientSession,
  place: { readonly bucket: string; readonly key: Uint8Array },
  asked: AskedVersion,
): Promise<void> {
  const target = targetName(place.bucket, place.key);
  const { ref, version, text } = asked;
  const attempt = await session.attempt(`delete-version ${target} ${text}`, (store) =>
    inNamedBucket(store, deleteObject, { ...place, version: ref, condition: { kind: "always" } }),
  );
  if (attempt.kind === "refused") session.addRefusal(target, attempt);
  else if (attempt.kind !== "none") {
    const step = { kind: "versionRemoved", version } as const;
    session.add(target, attempt, step, attempt.kind === "answer");
  }
}

/** Replaces the tags of a version by others, where one is known. */
export async function tag(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
  version?: AskedVersion,
): Promise<void> {
  const { random, context } = session;
  const target = targetName(bucket, key);
  const asked = version ?? askedFor(context.versions.some(random, target));
  if (asked.version === "null") return;
  const { name } = asked.version;
  const value = context.values.nextName();
  const attempt = await session.attempt(`tag ${target} ${name} ${value}`, (store) =>
    inNamedBucket(store, putTags, { bucket, key, version: asked.ref, tags: tagsCalled(value) }),
  );
  if (attempt.kind === "refused") {
    const { refusal } = attempt.refusal;
    if (refusal === "noSuchVersion") session.add(target, attempt, nothingIn(asked));
    else if (refusal === "isDeleteMarker") {
      session.add(target, attempt, markerStep(asked));
    } else session.addRefusal(target, attempt);
  } else if (attempt.kind !== "none") addTagsWrite(session, name, attempt, value);
}

/** A version as a page shows it. */
interface SeenVersion {
  readonly key: Uint8Array;
  readonly row: ObjectRow;
  readonly latest: boolean;
}

interface PageSeen {
  readonly prefix: Uint8Array;
  readonly versions: readonly SeenVersion[];
  readonly after: Uint8Array | undefined;
  /** The last key of a page that has a successor. */
  readonly until: Uint8Array | undefined;
}

/** A version that can be asked for, as a listing found it. */
export interface FoundVersion {
  readonly key: Uint8Array;
  readonly asked: AskedVersion;
}

/** All pages; returns those versions that can be called by a name. */
export async function listAllVersions(
  session: ClientSession,
  listing: { readonly bucket: string; readonly prefix: Uint8Array; readonly limit: number },
): Promise<FoundVersion[]> {
  const { bucket, prefix, limit } = listing;
  const found: FoundVersion[] = [];
  let after: VersionListInput["after"];
  for (;;) {
    const from = after && `${decodeUtf8(after.key)} ${after.version?.kind ?? ""}`;
    const what = `list-versions ${bucket} "${decodeUtf8(prefix)}" after ${from}`;
    const skipped = session.rowsSkipped;
    const attempt = await session.attempt(what, (store) =>
      inNamedBucket(store, listVersions, { ...listing, delimiter: undefined, after }),
    );
    // A page that left out damaged rows proves nothing about their keys, as for objects.
    if (session.rowsSkipped > skipped) return found;
    if (attempt.kind === "refused") addNoBucket(session, bucket, attempt);
    if (attempt.kind !== "answer") return found;
    const { items, truncated } = attempt.answer;
    if (items.length > limit || (truncated && items.length < limit)) {
      throw new Violation(`${attempt.label}: ${items.length} items on a page of ${limit}`);
    }
    const versions = items.map(asVersion);
    const last = versions.at(-1);
    const until = truncated ? last?.key : undefined;
    found.push(
      ...addPage(session, bucket, { prefix, versions, after: after?.key, until }, attempt),
    );
    if (!truncated || last === undefined) return found;
    after = { key: last.key, version: parseVersionId(versionIdOf(last.row)) };
  }
}

function asVersion(item: VersionListItem): SeenVersion {
  if (item.kind === "version") return { ...item, row: decodeObjectRow(item.row.stored) };
  throw new Violation("C2: a common prefix where nothing was to be grouped");
}

function addPage(
  session: ClientSession,
  bucket: string,
  page: PageSeen,
  attempt: Attempt<unknown>,
): FoundVersion[] {
  const { prefix, versions, after, until } = page;
  if (!versions.every((version, index) => isBehind(version, versions[index - 1]))) {
    throw new Violation(`C2: ${attempt.label}: not in order`);
  }
  const found: FoundVersion[] = [];
  for (const key of session.context.keys) {
    if (!startsWithBytes(key, prefix)) continue;
    const target = targetName(bucket, key);
    const own = versions.filter((version) => compareBytes(version.key, key) === 0);
    const listed = own.map(({ row }) => noteListed(session, target, row, attempt));
    const isBegun = after === undefined || compareBytes(key, after) > 0;
    const isWhole = isBegun && (until === undefined || compareBytes(key, until) < 0);
    if (isWhole) session.add(target, attempt, { kind: "versionsListed", versions: listed });
    for (const [index, { row, latest }] of own.entries()) {
      if (isBegun && latest !== (index === 0)) {
        throw new Violation(`C2: ${attempt.label}: version ${index} of ${target} is the latest`);
      }
      const { name } = listed[index]!;
      const asked = nameFor(row, name);
      if (asked === undefined) continue;
      found.push({ key, asked });
      const isObject = row.kind === "object" && name !== undefined;
      session.add(target, attempt, isObject ? readStep(asked, name) : markerStep(asked));
    }
  }
  return found;
}

/** Undefined: a delete marker that no client knows of. */
function nameFor(row: ObjectRow, name: ValueName | undefined): AskedVersion | undefined {
  if (row.nullVersion) return nullVersion;
  return name === undefined ? undefined : askedFor({ id: versionIdOf(row), name });
}

/** True if `next` comes behind in the order: by key, the newest first. */
function isBehind(next: SeenVersion, before: SeenVersion | undefined): boolean {
  if (before === undefined) return true;
  const keys = compareBytes(before.key, next.key);
  return keys < 0 || (keys === 0 && before.row.order > next.row.order);
}

/** Checks a version as it is listed against the value it says it is. */
function noteListed(
  session: ClientSession,
  target: string,
  row: ObjectRow,
  attempt: Attempt<unknown>,
): ListedVersion {
  const { values, versions } = session.context;
  const { nullVersion: isNull } = row;
  const id = versionIdOf(row);
  if (row.kind === "deleteMarker") {
    return { name: versions.nameOf(target, id), isNull, etag: undefined };
  }
  const etag = etagOf(row);
  const name = valueNameOf(row, etag);
  const difference = differenceOf(values.get(name), { target, etag, size: row.size });
  if (difference !== undefined)
    throw new Violation(`C2: ${attempt.label}: ${name} in ${target}: ${difference}`);
  noteVersion(session, target, id, name);
  addTagsRead(session, name, attempt, row.attributes.tags);
  return { name, isNull, etag };
}

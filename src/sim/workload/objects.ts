import { getBucket } from "../../object/bucket/buckets.ts";
import { deleteObject } from "../../object/write/delete.ts";
import { deleteObjects } from "../../object/write/delete-many.ts";
import { isRefusal } from "../../object/refusal.ts";
import { copyObject } from "../../object/copy.ts";
import type { WriteCondition } from "../../object/conditions.ts";
import { getObject, headObject } from "../../object/read/get.ts";
import type { RangeRequest } from "../../object/read/get.ts";
import { putObject } from "../../object/write/put.ts";
import type { IncomingBody } from "../../object/write/incoming-body.ts";
import { wholeBodyBytesMax } from "../../object/write/incoming-body.ts";
import { plainPieces } from "../../platform/piece-decoder.ts";
import { StoreError } from "../../base/errors.ts";
import { concatBytes } from "../../base/bytes.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { inNamedBucket } from "../../object/bucket/in-named-bucket.ts";
import { Violation } from "../history.ts";
import type { ValueName } from "../key-state.ts";
import { absent } from "../key-state.ts";
import type { Value } from "../values.ts";
import { baseNameOf, differenceOf, valueNameOf } from "../values.ts";
import type { Attempt, ClientSession } from "./context.ts";
import { BrokenOff, targetName } from "./context.ts";
import type { AskedVersion } from "./version-names.ts";
import { markerStep, noteVersion, readStep, isNullId } from "./version-names.ts";
import { addTagsRead } from "./tag-history.ts";

// Operations of clients on single objects, and the observation that each answer makes about the
// key.

const brokenOffShare = 0.02;
/** Objects that are coded while they are written, where those are that are large. */
const inlineShare = 0.25;

export async function put(session: ClientSession, bucket: string, key: Uint8Array): Promise<void> {
  const { values } = session.context;
  const target = targetName(bucket, key);
  const name = values.nextName();
  const value = values.add(name, target, values.bytesFor(name, pickLength(session)));
  const condition = pickCondition(session, target);
  const what = `put ${target} ${name} ${value.bytes.length} B ${condition.kind}`;
  const attempt = await session.attempt(what, (store) =>
    inNamedBucket(store, putObject, {
      bucket,
      key,
      attributes: values.attributesFor(name),
      condition,
      incoming: incomingOf(session, value.bytes),
    }),
  );
  if (attempt.kind === "answer" && attempt.answer.etag !== value.etag) {
    throw new Violation(`${attempt.label}: answered with ETag ${attempt.answer.etag}`);
  }
  addWrite(session, target, attempt, { value: name, condition });
}

export async function remove(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
): Promise<void> {
  const target = targetName(bucket, key);
  const condition = pickDeleteCondition(session, target);
  const attempt = await session.attempt(`delete ${target} ${condition.kind}`, (store) =>
    inNamedBucket(store, deleteObject, { bucket, key, condition }),
  );
  const marker = session.context.values.nextName();
  addWrite(session, target, attempt, { value: absent, condition, marker });
}

/** Some keys in one request, each on its own terms. */
export async function removeMany(session: ClientSession, bucket: string): Promise<void> {
  const { keys, values } = session.context;
  const some = keys.filter(() => session.random.chance(0.4));
  const items = some.map((key) => {
    const target = targetName(bucket, key);
    return { key, target, condition: pickDeleteCondition(session, target) };
  });
  const what = `delete-many ${bucket} ${items.map(({ target }) => target).join(" ")}`;
  const attempt = await session.attempt(what, async (store) => {
    const found = await getBucket(store, bucket);
    if (isRefusal(found)) return found;
    const outcomes = await deleteObjects(store, found, items);
    const answered = outcomes.map((outcome) => {
      // Then nothing is known of any.
      if ("thrown" in outcome) throw outcome.thrown;
      return outcome;
    });
    return { answered };
  });
  for (const [index, { target, condition }] of items.entries()) {
    const outcome = attempt.kind === "answer" ? attempt.answer.answered[index]! : undefined;
    const write = { value: absent, condition, marker: values.nextName() };
    // No answer.
    if (outcome === undefined) addWrite(session, target, attempt as Attempt<never>, write);
    else if (isRefusal(outcome)) {
      addWrite(session, target, { ...attempt, kind: "refused", refusal: outcome }, write);
    } else addWrite(session, target, { ...attempt, kind: "answer", answer: outcome }, write);
  }
}

export async function get(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
  range: RangeRequest | undefined,
  asked?: AskedVersion,
): Promise<void> {
  const target = targetName(bucket, key);
  const version = asked?.ref;
  const verb = asked === undefined ? "get" : "get-version";
  const what = `${verb} ${target} ${range?.kind ?? ""} ${asked?.text ?? ""}`;
  const attempt = await session.attempt(what, async (store) => {
    const read = await inNamedBucket(store, getObject, {
      bucket,
      key,
      version,
      conditions: {},
      range,
    });
    if ("refusal" in read) return read;
    const pieces: Uint8Array[] = [];
    // A piece lasts until the next is asked for.
    for await (const piece of read.body) pieces.push(piece.slice());
    return { ...read, bytes: concatBytes(pieces) };
  });
  if (attempt.kind === "refused" && attempt.refusal.refusal === "invalidRange") return;
  if (attempt.kind === "answer" && attempt.answer.bytes.length !== attempt.answer.length) {
    throw new Violation(`C4: ${attempt.label}: ${attempt.answer.bytes.length} bytes came`);
  }
  addRead(session, target, attempt, asked);
}

export async function head(session: ClientSession, bucket: string, key: Uint8Array): Promise<void> {
  const target = targetName(bucket, key);
  const attempt = await session.attempt(`head ${target}`, async (store) =>
    inNamedBucket(store, headObject, { bucket, key, conditions: {} }),
  );
  addRead(session, target, attempt);
}

/** The copy takes a value of its own, with the bytes of whatever the source was. */
export async function copy(
  session: ClientSession,
  source: { readonly bucket: string; readonly key: Uint8Array; readonly asked?: AskedVersion },
  bucket: string,
  key: Uint8Array,
): Promise<void> {
  const { values } = session.context;
  const from = targetName(source.bucket, source.key);
  const target = targetName(bucket, key);
  const name = values.nextName();
  const condition = pickCondition(session, target);
  const sources = new Set<Value>();
  const { asked } = source;
  const verb = asked === undefined ? "copy" : "copy-version";
  const what = `${verb} ${from} to ${target} ${name} ${condition.kind} ${asked?.text ?? ""}`;
  const attempt = await session.attempt(what, async (store) => {
    const bucketOfSource = await getBucket(store, source.bucket);
    if (isRefusal(bucketOfSource)) return bucketOfSource;
    return inNamedBucket(store, copyObject, {
      source: { bucket: bucketOfSource, key: source.key, version: asked?.ref, conditions: {} },
      bucket,
      key,
      attributes: (attributes) => {
        const copied = values.withBase(baseNameOf(attributes));
        if (copied !== undefined) {
          sources.add(copied);
          // Others may read the copy before it is answered.
          values.add(name, target, copied.bytes);
        }
        return values.attributesFor(name);
      },
      checksum: undefined,
      condition,
    });
  });
  if (sources.size > 1) throw new Violation(`${attempt.label}: copied more than one source`);
  const [copied] = sources;
  if (attempt.kind === "answer") {
    if (copied === undefined || attempt.answer.etag !== values.etagOf(name)) {
      throw new Violation(
        `C4: ${attempt.label}: ETag ${attempt.answer.etag} of a copy of ${copied?.name}`,
      );
    }
    session.add(from, attempt, readStep(asked, copied.name));
    noteVersion(session, from, attempt.answer.sourceVersionId, copied.name);
  }
  const refusal = attempt.kind === "refused" ? attempt.refusal.refusal : undefined;
  // These may be said of either.
  if (refusal === "noSuchBucket" || (refusal === "noSuchKey" && condition.kind === "ifMatch"))
    return;
  if (refusal === "noSuchKey" || refusal === "noSuchVersion") {
    session.add(from, attempt, readStep(asked, absent));
  } else if (refusal === "invalidRequest" && asked !== undefined) {
    session.add(from, attempt, markerStep(asked));
  } else addWrite(session, target, attempt, { value: name, condition });
}

export interface Write {
  readonly value: ValueName;
  readonly condition: WriteCondition;
  /** The name of the delete marker, for a delete. */
  readonly marker?: ValueName;
}

/** A write, and how it went. */
export function addWrite(
  session: ClientSession,
  target: string,
  attempt: Attempt<{ readonly versionId: string | undefined }>,
  write: Write,
): void {
  const { condition } = write;
  if (attempt.kind === "none") return;
  if (attempt.kind === "unsure") {
    session.add(target, attempt, { kind: "write", ...write }, false);
    return;
  }
  if (attempt.kind === "answer") {
    const { versionId } = attempt.answer;
    session.add(target, attempt, { kind: "write", ...write, isNull: isNullId(versionId) });
    noteVersion(session, target, versionId, write.marker ?? write.value);
    return;
  }
  const { refusal } = attempt.refusal;
  if (refusal === "preconditionFailed") {
    session.add(target, attempt, { kind: "conditionFailed", condition });
  } else if (refusal === "noSuchKey" && condition.kind === "ifMatch") {
    session.add(target, attempt, { kind: "read", value: absent });
  } else session.addRefusal(target, attempt);
}

/** Checks what was read against the value it says it is, and enters it into the history. */
function addRead(
  session: ClientSession,
  target: string,
  attempt: Attempt<ReadAnswer>,
  asked?: AskedVersion,
): void {
  if (attempt.kind === "refused") {
    const { refusal } = attempt.refusal;
    if (refusal === (asked === undefined ? "noSuchKey" : "noSuchVersion")) {
      session.add(target, attempt, readStep(asked, absent));
    } else if (refusal === "isDeleteMarker" && asked !== undefined) {
      session.add(target, attempt, markerStep(asked));
    } else session.addRefusal(target, attempt);
  }
  if (attempt.kind !== "answer") return;
  const { row, etag, versionId, first, bytes } = attempt.answer;
  const name = valueNameOf(row, etag);
  const read = { target, etag, size: row.size, first, ...(bytes && { bytes }) };
  const { values } = session.context;
  const difference = differenceOf(values.get(name), read) ?? values.classDifference(row.attributes);
  if (difference !== undefined) throw new Violation(`C4: ${attempt.label}: ${difference}`);
  session.add(target, attempt, readStep(asked, name));
  noteVersion(session, target, versionId, name);
  addTagsRead(session, name, attempt, row.attributes.tags);
}

interface ReadAnswer {
  readonly row: Parameters<typeof valueNameOf>[0] & { readonly size: number };
  readonly etag: string;
  readonly versionId: string | undefined;
  readonly first: number;
  readonly bytes?: Uint8Array | undefined;
}

/** The bytes in a few pieces that take their time, now and then broken off in the middle. */
export function incomingOf(session: ClientSession, bytes: Uint8Array): IncomingBody {
  const { random } = session;
  const pieces = random.between(1, 3);
  const breaksAt = random.chance(brokenOffShare) ? random.below(pieces) : -1;
  const announces = random.chance(0.8);
  const sent = (async function* (): AsyncGenerator<Uint8Array> {
    for (let piece = 0; piece < pieces; piece++) {
      if (piece === breaksAt) throw new BrokenOff("the client has gone");
      if (random.chance(0.3)) await session.sleep(random.unit() * 5);
      const at = (share: number) => Math.floor((bytes.length * share) / pieces);
      yield bytes.slice(at(piece), at(piece + 1));
    }
  })();
  const isWhole = announces && bytes.length <= wholeBodyBytesMax;
  return {
    body: isWhole
      ? {
          kind: "whole",
          read: async () => concatBytes(await Array.fromAsync(sent)),
          ownership: "borrowed",
        }
      : { kind: "pieces", pieces: sent, decoder: plainPieces, ownership: "owned" },
    sizeBytes: announces ? bytes.length : undefined,
    algorithms: ["crc32"],
    accept: (digests, size) => {
      const value = digests.get("crc32");
      if (value === undefined || size !== bytes.length) {
        throw new StoreError("invalid", "the body did not arrive as it was sent");
      }
      return { algorithm: "crc32", type: "full", value };
    },
  };
}

/** Mostly small; some of several blocks; seldom, and only so many, of more than a chunk. */
function pickLength(session: ClientSession): number {
  const { random, context } = session;
  if (context.largeLeft > 0 && random.chance(0.05)) {
    context.largeLeft--;
    return chunkBytesMax + random.below(chunkBytesMax + 1000);
  }
  const isInline = context.machine.options.fleet?.isInline === true;
  if (isInline && random.chance(inlineShare)) return random.between(70_000, 400_000);
  const roll = random.unit();
  if (roll < 0.08) return 0;
  if (roll < 0.3) return random.between(1, 200);
  if (roll < 0.85) return random.between(200, 9000);
  return random.between(9000, 150_000);
}

function pickCondition(session: ClientSession, target: string): WriteCondition {
  const roll = session.random.unit();
  if (roll < 0.7) return { kind: "always" };
  if (roll < 0.85) return { kind: "ifAbsent" };
  return { kind: "ifMatch", etag: session.context.values.someEtag(session.random, target) };
}

function pickDeleteCondition(session: ClientSession, target: string): WriteCondition {
  const { random, context } = session;
  if (random.chance(0.85)) return { kind: "always" };
  const etag = random.chance(0.3) ? "*" : context.values.someEtag(random, target);
  return { kind: "ifMatch", etag };
}

export function pickRange(session: ClientSession): RangeRequest | undefined {
  const { random } = session;
  const roll = random.unit();
  if (roll < 0.6) return undefined;
  const first = random.below(10_000);
  if (roll < 0.7) return { kind: "suffix", length: random.between(1, 5000) };
  if (roll < 0.8) return { kind: "from", first };
  return { kind: "from", first, last: first + random.below(70_000) };
}

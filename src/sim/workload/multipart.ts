import { toHex } from "../../base/bytes.ts";
import type { UploadId } from "../../format/ids.ts";
import type { CompletePart } from "../../object/upload/choose-parts.ts";
import { completeUpload } from "../../object/upload/complete-upload.ts";
import {
  abortUpload,
  initiateUpload,
  listParts,
  findUpload,
  uploadPart,
} from "../../object/upload/multipart.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { Stored } from "../../object/write/put.ts";
import { inNamedBucket } from "../../object/bucket/in-named-bucket.ts";
import { Violation } from "../history.ts";
import { uploadIdleMs } from "../roles.ts";
import type { PartContent, Value } from "../values.ts";
import type { Attempt, ClientSession } from "./context.ts";
import { targetName } from "./context.ts";
import { addWrite, incomingOf } from "./objects.ts";
import { noteVersion } from "./version-names.ts";

/*
 * A multipart upload from beginning to end by one client, which knows what each part can be: the
 * last that was acknowledged, or one of those sent since whose outcome it never learned.
 */

/**
 * S3: parts but the last have at least this. Such uploads are slow to simulate, so most complete
 * with one part.
 */
const partBytesMin = 5 * 1024 * 1024;

interface Part extends PartContent {
  readonly etag: string;
}

type Completion = Attempt<Pick<Stored, "etag" | "versionId">>;

interface Upload {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly id: UploadId;
  /** The name in its metadata. */
  readonly base: string;
  /**
   * The candidates for each part; with one entry it is known. An empty list is a part that may be
   * missing, or was never sent.
   */
  readonly parts: Map<number, { certain: boolean; candidates: Part[] }>;
  /** It may have been completed or aborted by an operation whose outcome is not known. */
  mayBeGone: boolean;
  /** It was not idle before. */
  activeMs: number;
}

export async function multipart(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
): Promise<void> {
  const { random } = session;
  const upload = await initiate(session, bucket, key);
  if (upload === undefined) return;
  const large = session.context.largeLeft > 1 && random.chance(0.5);
  if (large) session.context.largeLeft -= 2;
  const numbers = large ? [1, 2] : random.pick([[1], [1, 2, 3], [4, 9]]);
  // It may be taken for left; mostly it should not be.
  const isSlow = random.chance(0.15);
  const longest = random.pick([0.8, 0.8, 1.5]);
  for (const number of numbers) {
    const length = large && number === 1 ? partBytesMin : random.below(9000);
    if (isSlow) await session.sleep(random.between(0.3 * uploadIdleMs, longest * uploadIdleMs));
    await sendPart(session, upload, number, length);
  }
  // Replacing one frees what it was; sending two at once leaves the later one.
  if (random.chance(0.4))
    await sendPart(session, upload, numbers[0]!, random.below(9000) + (large ? partBytesMin : 0));
  if (random.chance(0.5)) await checkParts(session, upload);
  if (random.chance(0.15)) return;
  if (random.chance(0.2)) await abort(session, upload);
  else await complete(session, upload, large ? numbers : [random.pick(numbers)]);
}

async function initiate(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
): Promise<Upload | undefined> {
  const { values } = session.context;
  const base = values.nextName();
  const target = targetName(bucket, key);
  const activeMs = session.nowMs();
  const attempt = await session.attempt(`initiate ${target} ${base}`, (store) =>
    inNamedBucket(store, initiateUpload, {
      bucket,
      key,
      attributes: values.attributesFor(base),
      checksum: undefined,
    }),
  );
  if (attempt.kind === "refused") session.addRefusal(target, attempt);
  if (attempt.kind !== "answer") return undefined;
  const { upload: id } = attempt.answer;
  return { bucket, key, id, base, parts: new Map(), mayBeGone: false, activeMs };
}

async function sendPart(
  session: ClientSession,
  upload: Upload,
  number: number,
  length: number,
): Promise<void> {
  const { values } = session.context;
  const bytes = values.bytesFor(values.nextName(), length);
  const md5 = values.md5(bytes);
  const part = { bytes, md5, etag: toHex(md5) };
  const activeMs = session.nowMs();
  const attempt = await session.attempt(
    `part ${describe(upload)} ${number} ${length} B`,
    async (store) => {
      const open = await inNamedBucket(store, findUpload, { ...upload, upload: upload.id });
      if (isRefusal(open)) return open;
      return uploadPart(store, open, { part: number, data: incomingOf(session, bytes) });
    },
  );
  const known = upload.parts.get(number) ?? { certain: false, candidates: [] };
  if (attempt.kind === "answer") {
    if (attempt.answer.etag !== part.etag) throw new Violation(`C4: ${attempt.label}: wrong ETag`);
    upload.parts.set(number, { certain: true, candidates: [part] });
    upload.activeMs = activeMs;
  } else if (attempt.kind === "unsure") {
    upload.parts.set(number, { certain: false, candidates: [...known.candidates, part] });
  } else if (attempt.kind === "refused") expectGone(session, upload, attempt);
}

async function checkParts(session: ClientSession, upload: Upload): Promise<void> {
  const attempt = await session.attempt(`list-parts ${describe(upload)}`, (store) =>
    inNamedBucket(store, listParts, { ...upload, upload: upload.id, afterPart: 0, limit: 100 }),
  );
  if (attempt.kind === "refused") expectGone(session, upload, attempt);
  if (attempt.kind !== "answer") return;
  const listed = new Map(attempt.answer.parts.map(({ part, md5 }) => [part, toHex(md5)]));
  for (const [number, { certain, candidates }] of upload.parts) {
    const etag = listed.get(number);
    if (etag === undefined ? !certain : candidates.some((part) => part.etag === etag)) continue;
    throw new Violation(`C1: ${attempt.label}: part ${number} is ${etag ?? "missing"}`);
  }
}

async function complete(
  session: ClientSession,
  upload: Upload,
  numbers: readonly number[],
): Promise<void> {
  const known = numbers.map((number) => upload.parts.get(number));
  const parts = known.map((part) => part?.candidates.at(-1));
  const chosen = parts.filter((part) => part !== undefined);
  if (chosen.length < numbers.length) return;
  const { values } = session.context;
  const target = targetName(upload.bucket, upload.key);
  const value = values.addMultipart(upload.base, target, chosen);
  const listed = numbers.map((part, index): CompletePart => {
    return { part, etag: chosen[index]!.etag, checksum: undefined };
  });
  const once = () => completeOnce(session, upload, listed);
  const attempts = await (session.random.chance(0.4)
    ? Promise.all([once(), session.sleep(session.random.unit() * 5).then(once)])
    : retrying(once));
  const answered = attempts.filter((attempt) => attempt.kind === "answer");
  enterCompletion(session, upload, value, attempts);
  if (answered.length > 0) {
    // Asked for once more, or at the same time, the answer is the same.
    if (session.random.chance(0.4)) attempts.push(await completeOnce(session, upload, listed));
    checkSame(session, target, value, attempts);
    return;
  }
  if (attempts.some(({ kind }) => kind === "unsure")) return;
  values.remove(value.name);
  const sure = known.every((part) => part?.certain === true);
  for (const attempt of attempts) {
    if (attempt.kind !== "refused") continue;
    if (attempt.refusal.refusal !== "invalidPart" || sure) expectGone(session, upload, attempt);
  }
}

/** However often it is asked for and answered, it happens once. */
function enterCompletion(
  session: ClientSession,
  upload: Upload,
  value: Value,
  attempts: readonly Completion[],
): void {
  const { target, name } = value;
  const write = { value: name, condition: { kind: "always" } } as const;
  const answered = attempts.filter((attempt) => attempt.kind === "answer");
  const [one] = answered;
  if (one !== undefined && attempts.length === 1) {
    addWrite(session, target, one, write);
    return;
  }
  if (one !== undefined) {
    const start = Math.min(...attempts.map((attempt) => attempt.start));
    const end = Math.min(...answered.map((attempt) => attempt.end));
    // By which versioning it acted is not in the answer to a repeated one.
    session.add(target, { ...one, start, end }, { kind: "write", ...write });
    for (const { answer } of answered) noteVersion(session, target, answer.versionId, name);
    return;
  }
  for (const attempt of attempts) {
    if (attempt.kind !== "unsure") continue;
    upload.mayBeGone = true;
    addWrite(session, target, attempt, write);
  }
}

/** A repeated Complete answers the same while the object stands. */
function checkSame(
  session: ClientSession,
  target: string,
  value: Value,
  attempts: readonly Completion[],
): void {
  const start = Math.min(...attempts.map((attempt) => attempt.start));
  for (const attempt of attempts) {
    if (attempt.kind === "answer" && attempt.answer.etag !== value.etag) {
      throw new Violation(`C3: ${attempt.label}: ETag ${attempt.answer.etag}`);
    }
    if (attempt.kind !== "refused" || attempt.refusal.refusal !== "noSuchUpload") continue;
    const complaint = `C3: ${attempt.label}: refused with noSuchUpload, but it was completed`;
    const { end } = attempt;
    session.context.history.suspect({ target, start, end, value: value.name, complaint });
  }
}

function completeOnce(
  session: ClientSession,
  upload: Upload,
  parts: readonly CompletePart[],
): Promise<Completion> {
  return session.attempt(`complete ${describe(upload)} ${parts.map(({ part }) => part)}`, (store) =>
    inNamedBucket(store, completeUpload, {
      ...upload,
      upload: upload.id,
      parts,
      condition: { kind: "always" },
      expectedSize: undefined,
      expectedChecksum: undefined,
      expectedType: undefined,
    }),
  );
}

/** Tries again, as clients do, if the outcome is not known. */
async function retrying<T>(once: () => Promise<Attempt<T>>): Promise<Attempt<T>[]> {
  const first = await once();
  return first.kind === "unsure" ? [first, await once()] : [first];
}

async function abort(session: ClientSession, upload: Upload): Promise<void> {
  const attempt = await session.attempt(`abort ${describe(upload)}`, (store) =>
    inNamedBucket(store, abortUpload, { ...upload, upload: upload.id }),
  );
  if (attempt.kind === "refused") expectGone(session, upload, attempt);
  if (attempt.kind !== "answer") return;
  const again = await session.attempt(`list-parts ${describe(upload)}`, (store) =>
    inNamedBucket(store, listParts, { ...upload, upload: upload.id, afterPart: 0, limit: 100 }),
  );
  if (again.kind === "answer") throw new Violation(`C3: ${again.label}: it was aborted`);
}

/**
 * An upload goes by completion, abortion, with its bucket or when it was idle, and not otherwise.
 */
function expectGone(
  session: ClientSession,
  upload: Upload,
  attempt: Attempt<unknown> & { kind: "refused" },
): void {
  const { refusal } = attempt.refusal;
  if (refusal === "noSuchUpload") {
    if (upload.mayBeGone || session.context.deletions.has(upload.bucket)) return;
    if (session.nowMs() - upload.activeMs >= uploadIdleMs) return;
    throw new Violation(`C1: ${attempt.label}: the upload is gone`);
  }
  session.addRefusal(targetName(upload.bucket, upload.key), attempt);
}

function describe({ bucket, key, base }: Upload): string {
  return `${targetName(bucket, key)} ${base}`;
}

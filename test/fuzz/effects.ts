import { headersByName, requestHead } from "../../src/platform/http.ts";
import { route } from "../../src/s3/operations.ts";
import {
  type RequestTarget,
  checkTarget,
  parseRequestTarget,
} from "../../src/s3/request/request-target.ts";
import { type Draft, originForm, targetOf } from "./draft.ts";
import { type BucketModel, md5Of, multipartEtag } from "./model.ts";
import type { Answer } from "./fuzz-peer.ts";
import { elementsOf, elementText } from "./xml-text.ts";

/** The effect that a draft asks for; undefined where it cannot be read. */
export interface Meaning {
  /** The operation's name; those that change nothing have one name here. */
  readonly operation: string;
  readonly target: RequestTarget;
  /** The key's bytes, one character each. */
  readonly key: string;
}

export function meaningOf(draft: Draft): Meaning | undefined {
  try {
    const path = originForm(targetOf(draft));
    const head = requestHead(draft.method, path, headersByName(draft.headers));
    const target = parseRequestTarget(head, []);
    checkTarget(target);
    const operation = route(draft.method, target, head.headers)?.operation;
    const key = Buffer.from(target.key).toString("latin1");
    return operation === undefined ? undefined : { operation, target, key };
  } catch {
    return undefined;
  }
}

export interface Effect {
  readonly draft: Draft;
  readonly meaning: Meaning;
  readonly bucket: BucketModel;
  readonly buckets: readonly BucketModel[];
}

/** Takes a success into the model; returns what cannot be right about it. */
export function applyDone(effect: Effect, answer: Answer): string | undefined {
  const { draft, meaning, bucket } = effect;
  const { target, key } = meaning;
  const query = (name: string): string => target.query.get(name) ?? "";
  const versionId = answer.header("x-amz-version-id") ?? "null";
  const text = answer.body.toString();
  switch (meaning.operation) {
    case "PutObject":
      bucket.put(key, versionId, draft.body);
      return etagComplaint(answer.header("etag"), md5Of(draft.body));
    case "PostObject":
      return applyForm(effect, answer, versionId);
    case "CopyObject":
    case "UploadPartCopy": {
      const content = copiedContent(effect);
      if (content === "unknown") bucket.loose.set(key, undefined);
      if (content === undefined) return "a copy of what is not there";
      if (meaning.operation === "UploadPartCopy") {
        if (content === "unknown") bucket.uploadsAreLoose = true;
        else bucket.uploads.get(query("uploadId"))?.parts.set(Number(query("partNumber")), content);
      } else if (content !== "unknown") putFrom(answer, bucket, key, content);
      if (content === "unknown") return undefined;
      return etagComplaint(elementText(text, "ETag"), md5Of(content));
    }
    case "DeleteObject":
      if (target.query.has("versionId")) bucket.remove(key, query("versionId"));
      else if (answer.header("x-amz-delete-marker") === "true")
        bucket.put(key, versionId, undefined);
      else bucket.remove(key, "null");
      return undefined;
    case "DeleteObjects":
      return applyDeletions(bucket, text);
    case "CreateMultipartUpload":
      bucket.uploads.set(elementText(text, "UploadId") ?? "", { key, parts: new Map() });
      return undefined;
    case "UploadPart": {
      const upload = bucket.uploads.get(query("uploadId"));
      if (upload === undefined && !bucket.uploadsAreLoose) return "a part of no upload";
      upload?.parts.set(Number(query("partNumber")), draft.body);
      return etagComplaint(answer.header("etag"), md5Of(draft.body));
    }
    case "CompleteMultipartUpload":
      return applyCompletion(bucket, key, query("uploadId"), answer);
    case "AbortMultipartUpload":
      bucket.uploads.delete(query("uploadId"));
      return undefined;
    case "DeleteBucket":
      bucket.gone = true;
      bucket.uploads.clear();
      // Unfinished uploads go with it.
      return bucket.keys.size > 0 ? "a bucket was deleted that is not empty" : undefined;
    case "GetObject":
      return readComplaint(effect, answer);
    default:
      return undefined;
  }
}

function etagComplaint(sent: string | undefined, md5: string): string | undefined {
  const etag = sent?.replaceAll(/"|&quot;/g, "");
  return etag === md5 ? undefined : `ETag ${etag ?? "missing"} for a body with MD5 ${md5}`;
}

function applyForm({ draft, bucket }: Effect, answer: Answer, id: string): string | undefined {
  const { form } = draft;
  if (form !== undefined) {
    bucket.put(Buffer.from(form.key).toString("latin1"), id, form.file);
    return etagComplaint(answer.header("etag"), md5Of(form.file));
  }
  const location = answer.header("location") ?? "";
  const inQuery = /[?&]key=([^&#]*)/.exec(location)?.[1]?.replaceAll("+", " ");
  const escaped =
    inQuery ?? location.slice(location.indexOf(`/${bucket.name}/`) + bucket.name.length + 2);
  const key = unescape(escaped);
  bucket.loose.set(key, undefined);
  return undefined;
}

/** Percent-encoded bytes, one character each. */
function unescape(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** The content of the source at the time of the request. */
function copiedContent({ draft, meaning, buckets }: Effect): Buffer | "unknown" | undefined {
  const sources = draft.headers.filter(([name]) => name === "x-amz-copy-source");
  const [encoded = "", versionId] = (sources[0]?.[1] ?? "").trim().split("?versionId=");
  // The path as sent and as decoded: bytes, one character each.
  const path = unescape(encoded.replaceAll("+", " ")).replace(/^\//, "");
  const slash = path.indexOf("/");
  const bucket = buckets.find(({ name }) => name === path.slice(0, slash));
  const key = path.slice(slash + 1);
  if (bucket === undefined || sources.length > 1) return "unknown";
  if (bucket.keysAreLoose || bucket.loose.has(key)) return "unknown";
  const content = bucket.version(key, versionId)?.content;
  if (meaning.operation === "CopyObject") return content; // which has no ranges
  const range = draft.headers.filter(([name]) => name === "x-amz-copy-source-range");
  if (range.length > 1) return "unknown";
  const bounds = /bytes=(\d+)-(\d+)/.exec(range[0]?.[1] ?? "");
  return bounds === null ? content : content?.subarray(Number(bounds[1]), Number(bounds[2]) + 1);
}

function applyDeletions(bucket: BucketModel, text: string): string | undefined {
  const seen = new Set<string>();
  for (const deleted of elementsOf(text, "Deleted")) {
    const key = Buffer.from(elementText(deleted, "Key") ?? "").toString("latin1");
    const id = elementText(deleted, "VersionId");
    const marker = elementText(deleted, "DeleteMarkerVersionId");
    // Those of one key run side by side.
    if (seen.has(key)) bucket.loosen(key);
    seen.add(key);
    if (id !== undefined) bucket.remove(key, id);
    else if (marker !== undefined) bucket.put(key, marker, undefined);
    else bucket.remove(key, "null");
  }
  return undefined;
}

/**
 * Which of the parts were taken is known from the ETag: as a rule one, since others would be too
 * small.
 */
function applyCompletion(
  bucket: BucketModel,
  key: string,
  id: string,
  answer: Answer,
): string | undefined {
  const text = answer.body.toString();
  const upload = bucket.uploads.get(id);
  if (bucket.completed.has(id)) return undefined;
  if (upload === undefined || bucket.uploadsAreLoose) {
    bucket.loose.set(key, undefined);
    return bucket.uploadsAreLoose ? undefined : "an upload was completed that is not there";
  }
  const etag = elementText(text, "ETag")?.replaceAll('"', "");
  const found = choicesOf(upload.parts).find((parts) => multipartEtag(parts) === etag);
  bucket.uploads.delete(id);
  bucket.completed.add(id);
  if (found === undefined) return `an object of parts that were not uploaded: ${etag ?? text}`;
  putFrom(answer, bucket, key, Buffer.concat(found));
  return undefined;
}

/**
 * Long work is answered before its outcome is known (`s3/response/keep-alive.ts`): such an answer
 * has neither a length nor the id of the version that was made.
 */
function putFrom(answer: Answer, bucket: BucketModel, key: string, content: Buffer): void {
  if (answer.header("content-length") === undefined) bucket.loosen(key, content);
  else bucket.put(key, answer.header("x-amz-version-id") ?? "null", content);
}

/** The lists of parts that a completion may have named, in order. */
export function choicesOf(parts: ReadonlyMap<number, Buffer>): Buffer[][] {
  const ordered = [...parts].toSorted(([a], [b]) => a - b).map(([, content]) => content);
  return ordered.reduce<Buffer[][]>(
    (choices, part) => [...choices, ...choices.map((choice) => [...choice, part])],
    [[]],
  );
}

function readComplaint({ meaning, bucket }: Effect, answer: Answer): string | undefined {
  if (bucket.keysAreLoose || bucket.loose.has(meaning.key)) return undefined;
  const content = bucket.version(meaning.key, meaning.target.query.get("versionId"))?.content;
  if (content === undefined) return "what is not there was read";
  const range = /^bytes (\d+)-(\d+)\//.exec(answer.header("content-range") ?? "");
  const expected =
    range === null ? content : content.subarray(Number(range[1]), Number(range[2]) + 1);
  return expected.equals(answer.body) ? undefined : "other bytes were read than were stored";
}

/** No answer came: what may have happened. */
export function applyUnknown({ draft, meaning, bucket }: Effect): void {
  const { operation, target, key } = meaning;
  switch (operation) {
    case "PutObject":
      bucket.loosen(key, draft.body);
      return;
    case "PostObject":
      if (draft.form === undefined) bucket.keysAreLoose = true;
      else bucket.loosen(Buffer.from(draft.form.key).toString("latin1"), draft.form.file);
      return;
    case "CopyObject":
      bucket.loose.set(key, undefined);
      return;
    case "DeleteObject":
      bucket.loosen(key);
      return;
    case "DeleteObjects":
      for (const item of elementsOf(draft.body.toString(), "Object")) {
        bucket.loosen(Buffer.from(elementText(item, "Key") ?? "").toString("latin1"));
      }
      if (draft.faults.includes("xml")) bucket.keysAreLoose = true;
      return;
    case "CompleteMultipartUpload": {
      const parts = bucket.uploads.get(target.query.get("uploadId") ?? "")?.parts ?? new Map();
      bucket.loosen(key, ...choicesOf(parts).map((choice) => Buffer.concat(choice)));
      bucket.uploadsAreLoose = true;
      return;
    }
    case "CreateMultipartUpload":
    case "UploadPart":
    case "UploadPartCopy":
    case "AbortMultipartUpload":
      bucket.uploadsAreLoose = true;
      return;
    default:
  }
}

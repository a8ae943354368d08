import { StoreError } from "../base/errors.ts";

/**
 * One request of S3, as the log and `holdfast trace` show it. What the client chose is escaped
 * and cut to a length, so that a line is never longer than `entryBytesMax`; there is no signature,
 * query or header in it, but for the user agent.
 */
export interface RequestEntry {
  /** When it began, in ISO's form. */
  readonly time: string;
  /** The id in the answer's x-amz-request-id and in the error's document. */
  readonly requestId: string;
  /** The process that served it. */
  readonly process: string;
  /** S3's name; "none" where the request asks for nothing S3 has. */
  readonly operation: string;
  readonly method: string;
  readonly bucket?: string | undefined;
  readonly key?: string | undefined;
  readonly versionId?: string | undefined;
  /** The answer's status; undefined while the request is under way. */
  readonly status?: number | undefined;
  /** S3's name of the error. */
  readonly code?: string | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The time so far, if the request is under way. */
  readonly totalMs: number;
  readonly firstByteMs?: number | undefined;
  /** Where the time went: milliseconds by phase, those with any. */
  readonly phasesMs: Readonly<Record<string, number>>;
  /** The phase that a request under way is in. */
  readonly phase?: string | undefined;
  /** The access key, if it exists. */
  readonly accessKey?: string | undefined;
  /** The owner's name. */
  readonly owner?: string | undefined;
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** @limit The longest key in an entry, in characters after escaping. */
export const keyCharactersMax = 256;
/** @limit The longest user agent in an entry, in characters after escaping. */
export const agentCharactersMax = 128;
/** @limit The longest name in an entry, in characters after escaping. */
export const nameCharactersMax = 64;
/**
 * @limit With these an entry is no longer than this as JSON: 576 characters of 3 bytes, and 1 KiB
 * of the server's own.
 */
export const entryBytesMax = 4096;

const unsafe = /[\\\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Text that strangers chose, for a line of a log or a terminal: no controls, nothing that turns the
 * writing around.
 */
export function escaped(text: string, charactersMax: number): string {
  const safe = text
    .slice(0, charactersMax + 1)
    .replace(unsafe, (character) =>
      character === "\\" ? "\\\\" : `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
    );
  return safe.length > charactersMax ? `${safe.slice(0, charactersMax)}…` : safe;
}

/** A text for people: the phases in which a request spent its time, the longest first. */
export function phasesText({ phasesMs }: Pick<RequestEntry, "phasesMs">): string {
  return Object.entries(phasesMs)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, ms]) => `${name} ${millisecondsText(ms)}`)
    .join(" ");
}

export function millisecondsText(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms.toFixed(1);
}

/** `bucket/key`, or the bucket alone. */
export function resourceText({ bucket, key, versionId }: RequestEntry): string {
  if (bucket === undefined) return "/";
  const version = versionId === undefined ? "" : `?versionId=${versionId}`;
  return key === undefined ? bucket : `${bucket}/${key}${version}`;
}

/** Selects requests; all conditions that are given must hold. */
export interface RequestFilter {
  readonly operation?: string | undefined;
  readonly bucket?: string | undefined;
  /** The beginning of the key, escaped as in entries. */
  readonly prefix?: string | undefined;
  /** A status such as "404", or "4xx" for all that begin with 4. */
  readonly status?: string | undefined;
  readonly slowerThanMs?: number | undefined;
  /** Only requests that ended in an error. */
  readonly errors?: boolean | undefined;
  readonly accessKey?: string | undefined;
}

/** Reads a filter from flags or a query, whose names are the same; StoreError `invalid`. */
export function parseFilter(given: ReadonlyMap<string, string>): RequestFilter {
  const status = given.get("status");
  if (status !== undefined && !/^[1-5](\d\d|xx)$/.test(status)) {
    throw new StoreError("invalid", `status: "${status}" is not a status such as 404 or 5xx`);
  }
  const prefix = given.get("prefix");
  const shownPrefix = prefix === undefined ? undefined : escaped(prefix, keyCharactersMax);
  if ((shownPrefix?.length ?? 0) > keyCharactersMax) {
    throw new StoreError("invalid", `prefix: has more than ${keyCharactersMax} characters`);
  }
  return {
    operation: given.get("operation")?.toLowerCase(),
    bucket: given.get("bucket"),
    prefix: shownPrefix,
    status,
    slowerThanMs: parseMilliseconds(given.get("slower-than")),
    errors: given.has("errors") ? true : undefined,
    accessKey: given.get("access-key"),
  };
}

function parseMilliseconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,9}(?:\.\d+)?)(ms|s)$/.exec(text);
  if (match !== null) return Number(match[1]) * (match[2] === "s" ? 1000 : 1);
  throw new StoreError("invalid", `slower-than: "${text}" is not a time such as 100ms or 2s`);
}

export function matches(filter: RequestFilter, entry: RequestEntry): boolean {
  const { operation, bucket, prefix, status, slowerThanMs, errors, accessKey } = filter;
  if (operation !== undefined && entry.operation.toLowerCase() !== operation) return false;
  if (bucket !== undefined && entry.bucket !== bucket) return false;
  if (prefix !== undefined && entry.key?.startsWith(prefix) !== true) return false;
  if (status !== undefined && !hasStatus(entry, status)) return false;
  if (slowerThanMs !== undefined && entry.totalMs < slowerThanMs) return false;
  if (errors === true && entry.code === undefined && (entry.status ?? 0) < 400) return false;
  return accessKey === undefined || entry.accessKey === accessKey;
}

function hasStatus(entry: RequestEntry, wanted: string): boolean {
  const status = String(entry.status ?? "");
  return wanted.endsWith("xx") ? status.startsWith(wanted.slice(0, 1)) : status === wanted;
}

import { StoreError } from "../base/errors.ts";
import { escaped, keyCharactersMax, type RequestRecord } from "./request-record.ts";

/** Which requests are told of; all conditions that are there must hold. */
export interface RequestFilter {
  readonly operation?: string | undefined;
  readonly bucket?: string | undefined;
  /** Of the key, escaped as records have it. */
  readonly prefix?: string | undefined;
  /** "404", or "4xx" for all of a hundred. */
  readonly status?: string | undefined;
  readonly slowerThanMs?: number | undefined;
  /** Those alone that ended in an error. */
  readonly errors?: boolean | undefined;
  readonly accessKey?: string | undefined;
}

/** By the names that flags and queries have for its parts; StoreError `invalid`. */
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

export function matches(filter: RequestFilter, record: RequestRecord): boolean {
  const { operation, bucket, prefix, status, slowerThanMs, errors, accessKey } = filter;
  if (operation !== undefined && record.operation.toLowerCase() !== operation) return false;
  if (bucket !== undefined && record.bucket !== bucket) return false;
  if (prefix !== undefined && record.key?.startsWith(prefix) !== true) return false;
  if (status !== undefined && !hasStatus(record, status)) return false;
  if (slowerThanMs !== undefined && record.totalMs < slowerThanMs) return false;
  if (errors === true && record.code === undefined && (record.status ?? 0) < 400) return false;
  return accessKey === undefined || record.accessKey === accessKey;
}

function hasStatus(record: RequestRecord, wanted: string): boolean {
  const status = String(record.status ?? "");
  return wanted.endsWith("xx") ? status.startsWith(wanted.slice(0, 1)) : status === wanted;
}

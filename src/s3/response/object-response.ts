import { formatHttpDate } from "../../base/http-date.ts";
import type { HeaderList } from "../../platform/http.ts";
import type { ObjectInfo } from "../../object/read/get.ts";
import type { Stored } from "../../object/write/put.ts";
import type { S3Call } from "../call.ts";
import { checksumHeaders } from "../request/checksums.ts";
import { isHeaderValue } from "../request/header-rules.ts";
import { encodeHeaderText } from "../request/text-encoding.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { storageClassHeaders, storedHeaders } from "../request/object-attributes.ts";
import { madeVersionHeaders, versionHeaders } from "../request/object-parameters.ts";

const defaultContentType = "binary/octet-stream";

/** Headers kept with an object, and the parameters that take their place in an answer. */
const overrides = storedHeaders.map((name) => [name, `response-${name}`] as const);

/** The headers of an answer about an object that was stored in one go. */
export function storedObjectHeaders({ etag, checksum, versionId }: Stored): HeaderList {
  return [["etag", `"${etag}"`], ...checksumHeaders(checksum, 0), ...madeVersionHeaders(versionId)];
}

/** The headers of GET and HEAD about an object. */
export function objectHeaders(call: S3Call, info: ObjectInfo): HeaderList {
  const { row, first, length, partial } = info;
  const headers: HeaderList[number][] = [
    ["accept-ranges", "bytes"],
    ["content-length", String(length)],
    ["etag", `"${info.etag}"`],
    ["last-modified", formatHttpDate(row.modifiedMs)],
    ...versionHeaders(info.versionId),
    ...contentHeaders(call, info),
  ];
  for (const [name, value] of row.attributes.metadata) {
    headers.push([`x-amz-meta-${name}`, encodeHeaderText(value)]);
  }
  headers.push(...storageClassHeaders(row.attributes.storageClass));
  const tagCount = row.attributes.tags.length;
  if (tagCount > 0) headers.push(["x-amz-tagging-count", String(tagCount)]);
  if (partial) headers.push(["content-range", `bytes ${first}-${first + length - 1}/${row.size}`]);
  if (info.partCount !== undefined && info.partCount > 0) {
    headers.push(["x-amz-mp-parts-count", String(info.partCount)]);
  }
  const wanted = call.headers.get("x-amz-checksum-mode")?.toUpperCase() === "ENABLED";
  return wanted ? [...headers, ...checksumsOf(info)] : headers;
}

/**
 * The checksum of the bytes that are read: the whole, or a part whose checksum the whole's is made
 * of.
 */
function checksumsOf({ row, length, partCount, partChecksum }: ObjectInfo): HeaderList {
  if (partCount === undefined || row.checksum?.type !== "composite") {
    return length === row.size ? checksumHeaders(row.checksum, row.partCount) : [];
  }
  const [value] = checksumHeaders(partChecksum, 0);
  const [, type] = checksumHeaders(row.checksum, 0);
  return value === undefined || type === undefined ? [] : [value, type];
}

/** The headers kept with the object, or what the query wants in their place. */
function contentHeaders(call: S3Call, { row }: ObjectInfo): readonly [string, string][] {
  const kept = new Map(row.attributes.headers);
  const headers: [string, string][] = [];
  for (const [name, parameter] of overrides) {
    const fallback = name === "content-type" ? defaultContentType : undefined;
    const value = overrideOf(call, parameter) ?? kept.get(name) ?? fallback;
    if (value !== undefined) headers.push([name, value]);
  }
  return headers;
}

/** An empty one is as if it were not there. */
function overrideOf(call: S3Call, parameter: string): string | undefined {
  const value = call.target.query.get(parameter);
  return value === "" ? undefined : value;
}

/**
 * Only who signs may choose the headers of the answer, and only these, and what a header can hold.
 */
export function checkResponseOverrides(call: S3Call): void {
  for (const name of call.target.query.keys()) {
    if (!name.startsWith("response-")) continue;
    const value = overrideOf(call, name);
    if (!overrides.some(([, parameter]) => parameter === name)) throw notOverridable(name, value);
    if (value === undefined) continue;
    if (call.verified.accessKeyId === undefined) {
      throw new S3Error("InvalidRequest", {
        message: "Request specific response headers cannot be used for anonymous GET requests.",
      });
    }
    if (!isHeaderValue(value)) {
      throw invalidArgument(name, value, "The value cannot stand in a header");
    }
  }
}

function notOverridable(parameter: string, value = ""): S3Error {
  const message =
    `${parameter} is not in the set of overridable response headers. Please refer to the S3 API ` +
    "documentation for a complete list of overridable response headers.";
  return invalidArgument(parameter, value, message);
}

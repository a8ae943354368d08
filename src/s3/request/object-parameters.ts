import type { UploadId } from "../../format/ids.ts";
import type { UploadAddress } from "../../object/upload/multipart.ts";
import type { S3Call } from "../call.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { parseId } from "../../format/ids.ts";

/** @limit S3's limit for the parts of an upload. */
export const partsMax = 10_000;

/** `partNumber`, from 1 to 10,000; undefined where it is absent. */
export function parsePartNumber(call: S3Call): number | undefined {
  const text = call.target.query.get("partNumber");
  if (text === undefined) return undefined;
  const part = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (part >= 1 && part <= partsMax) return part;
  const message = `Part number must be an integer between 1 and ${partsMax}, inclusive`;
  throw invalidArgument("partNumber", text, message);
}

/** The upload that the query names; one that can't be ours does not exist. */
export function parseUploadAddress(call: S3Call): UploadAddress {
  const { bucket, key, query } = call.target;
  const text = query.get("uploadId") ?? "";
  return { bucket, key, upload: parseUploadId(text) };
}

function parseUploadId(text: string): UploadId {
  const upload = asUploadId(text);
  if (upload !== undefined) return upload;
  throw new S3Error("NoSuchUpload", { details: { UploadId: text } });
}

/** Undefined for what can't be the id of an upload of ours. */
export function asUploadId(text: string): UploadId | undefined {
  return parseId(text);
}

/** A whole number in the query from 0 up, clipped to `max`; an empty one is as if it were not there. */
export function parseCount(call: S3Call, name: string, fallback: number, max: number): number {
  const text = call.target.query.get(name) ?? "";
  if (text === "") return fallback;
  if (!/^-?\d+$/.test(text)) {
    throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range`);
  }
  const value = Number(text);
  if (value >= 0 && value <= 2 ** 31 - 1) return Math.min(value, max);
  const message = `Argument ${name} must be an integer between 0 and 2147483647`;
  throw invalidArgument(name, text, message);
}

import type { NameValue } from "../format/object-row.ts";
import { S3Error, invalidArgument } from "./errors.ts";
import { formDecode } from "./percent.ts";
import { childText, childrenOf, parseXml } from "./xml-read.ts";

/** S3's limits for the tags of an object. */
const tagsMax = 10;
const tagKeyLengthMax = 128;
const tagValueLengthMax = 256;

/** `x-amz-tagging`: `key=value&key2=value2`, written as a form is. */
export function parseTaggingHeader(header: string | undefined): readonly NameValue[] {
  if (header === undefined || header === "") return [];
  const tags = header.split("&").map((pair) => parseTag(pair, header));
  return checkTags(tags);
}

function parseTag(pair: string, header: string): NameValue {
  const equals = pair.indexOf("=");
  const key = formDecode(equals < 0 ? pair : pair.slice(0, equals));
  const value = formDecode(equals < 0 ? "" : pair.slice(equals + 1));
  if (key !== undefined && value !== undefined) return [key, value];
  const message =
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters.";
  throw invalidArgument("x-amz-tagging", header, message);
}

/** Tags as a document: `<Tagging><TagSet><Tag><Key>…</Key><Value>…</Value></Tag></TagSet></Tagging>`. */
export function parseTagging(document: Uint8Array): readonly NameValue[] {
  const [set, ...others] = childrenOf(parseXml(document, "Tagging"), "TagSet");
  if (set === undefined || others.length > 0) throw new S3Error("MalformedXML");
  const tags = childrenOf(set, "Tag").map((tag): NameValue => {
    const [key, value] = [childText(tag, "Key"), childText(tag, "Value")];
    if (key === undefined || value === undefined) throw new S3Error("MalformedXML");
    return [key, value];
  });
  return checkTags(tags);
}

function checkTags(tags: readonly NameValue[]): readonly NameValue[] {
  if (tags.length > tagsMax) {
    throw new S3Error("InvalidTag", {
      message: `Object tags cannot be greater than ${tagsMax}`,
    });
  }
  const keys = new Set<string>();
  for (const [key, value] of tags) {
    if (key === "" || key.length > tagKeyLengthMax || key.startsWith("aws:")) {
      throw invalidTag("The TagKey you have provided is invalid", key);
    }
    if (value.length > tagValueLengthMax) {
      throw invalidTag("The TagValue you have provided is invalid", key);
    }
    if (keys.has(key)) throw invalidTag("Cannot provide multiple Tags with the same key", key);
    keys.add(key);
  }
  return tags;
}

function invalidTag(message: string, key: string): S3Error {
  return new S3Error("InvalidTag", { message, details: { TagKey: key } });
}

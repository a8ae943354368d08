import { encodeUtf8 } from "../../base/bytes.ts";
import type { NameValue } from "../../format/object-row.ts";
import { type ErrorDetails, S3Error, invalidArgument } from "../errors.ts";
import { formDecode } from "./text-encoding.ts";
import { type XmlNode, childText, childrenOf, parseAnyXml, parseXml } from "../xml/xml-read.ts";
import { element, textElement, xmlDocument } from "../xml/xml-write.ts";

/** What S3 says of the tags of one kind of thing. */
interface TagRules {
  readonly tagsMax: number;
  readonly tooMany: string;
  /** The message for a key that begins with `aws:`. */
  readonly reserved: string;
}

const ofObjects: TagRules = {
  /** @limit S3: tags of an object. */
  tagsMax: 10,
  tooMany: "Object tags cannot be greater than 10",
  reserved: "Your TagKey cannot be prefixed with aws:",
};
const ofBuckets: TagRules = {
  /** @limit S3: tags of a bucket. */
  tagsMax: 50,
  tooMany: "Bucket tag count cannot be greater than 50",
  reserved: "System tags cannot be added/updated by requester",
};
/** @limit S3: characters of a tag's key. */
const tagKeyLengthMax = 128;
/** @limit S3: characters of a tag's value. */
const tagValueLengthMax = 256;

/** Characters of tags: letters, digits and spaces of any script, and some signs. */
const allowed = /^[\p{L}\p{N}\p{Z}_.:/=+\-@]*$/u;

/** `x-amz-tagging`: `key=value&key2=value2`, written as a form is. */
export function parseTaggingHeader(header: string | undefined): readonly NameValue[] {
  if (header === undefined) return [];
  const pairs = header.split("&").filter((pair) => pair !== "");
  const tags = pairs.map((pair) => parsePair(pair, header));
  const keys = new Set(tags.map(([key]) => key));
  const readable = tags.every(([key, value]) => allowed.test(key) && allowed.test(value));
  if (keys.size < tags.length || !readable) throw malformedHeader(header);
  return checkTags(tags, ofObjects);
}

function parsePair(pair: string, header: string): NameValue {
  const equals = pair.indexOf("=");
  const key = formDecode(equals < 0 ? pair : pair.slice(0, equals));
  const value = formDecode(equals < 0 ? "" : pair.slice(equals + 1));
  if (key === undefined || key === "" || value === undefined) throw malformedHeader(header);
  return [key, value];
}

function malformedHeader(header: string): S3Error {
  const message =
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters " +
    "without tag name duplicates.";
  return invalidArgument("x-amz-tagging", header, message);
}

/** The tags of an object in `<Tagging>`, a document. */
export function parseTagging(body: Uint8Array): readonly NameValue[] {
  return tagsIn(parseXml(body, "Tagging"), ofObjects);
}

/** The tags of a bucket in the same. */
export function parseBucketTagging(body: Uint8Array): readonly NameValue[] {
  return tagsIn(parseXml(body, "Tagging"), ofBuckets);
}

/** The same in a form's field, where S3 takes a document of something else for one without tags. */
export function parseTaggingField(field: string): readonly NameValue[] {
  const root = parseAnyXml(encodeUtf8(field));
  return root.name === "Tagging" ? tagsIn(root, ofObjects) : [];
}

function tagsIn(root: XmlNode, rules: TagRules): readonly NameValue[] {
  const sets = childrenOf(root, "TagSet");
  if (sets.length !== 1) throw new S3Error("MalformedXML");
  const tags = sets.flatMap((set) => childrenOf(set, "Tag")).map(parseTag);
  return checkTags(tags, rules);
}

function parseTag(node: XmlNode): NameValue {
  const key = childText(node, "Key");
  const value = childText(node, "Value");
  if (key === undefined || value === undefined) throw new S3Error("MalformedXML");
  return [key, value];
}

/** Tags are sorted by key, since S3 promises no order and clients compare. */
export function taggingDocument(tags: readonly NameValue[]): Uint8Array {
  const sorted = tags.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const elements = sorted.map(([key, value]) =>
    element("Tag", [textElement("Key", key), textElement("Value", value)]),
  );
  return xmlDocument("Tagging", [element("TagSet", elements)]);
}

/** Checks tags in the order in which S3 looks at them. */
function checkTags(
  tags: readonly NameValue[],
  { tagsMax, tooMany, reserved }: TagRules,
): readonly NameValue[] {
  if (tags.length > tagsMax) throw new S3Error("BadRequest", { message: tooMany });
  const keys = new Set<string>();
  for (const [key, value] of tags) {
    const subject = { TagKey: key };
    if (key.startsWith("aws:")) throw invalidTag(reserved, subject);
    if (key === "" || key.length > tagKeyLengthMax || !allowed.test(key)) {
      throw invalidTag("The TagKey you have provided is invalid", subject);
    }
    if (value.length > tagValueLengthMax || !allowed.test(value)) {
      throw invalidTag("The TagValue you have provided is invalid", {
        ...subject,
        TagValue: value,
      });
    }
    if (keys.has(key)) throw invalidTag("Cannot provide multiple Tags with the same key", subject);
    keys.add(key);
  }
  return tags;
}

function invalidTag(message: string, details: ErrorDetails): S3Error {
  return new S3Error("InvalidTag", { message, details });
}

import {
  decodeUtf8,
  encodeUtf8,
  fromBase64,
  noBytes,
  toBase64,
  tryDecodeUtf8,
} from "../../base/bytes.ts";
import type { ChecksumAlgorithm, ChecksumType } from "../../format/checksum.ts";
import type { ObjectSummary, UploadRow } from "../../format/object-row.ts";
import {
  type ListInput,
  type ListItem,
  listObjects,
  type ListPage,
} from "../../object/list/list-objects.ts";
import type { HeaderList } from "../../platform/http.ts";
import { bucketRegionHeader, granted, permit, type S3Call } from "../call.ts";
import { invalidArgument } from "../errors.ts";
import { checksumAlgorithms, checksumName, checksumTypeName } from "../request/checksums.ts";
import { parseCountParameter } from "../request/object-parameters.ts";
import { percentEncodeKey } from "../request/text-encoding.ts";
import { keyParameter } from "../request/request-target.ts";
import { markup, type XmlBytes } from "../xml/xml-bytes.ts";
import { element, plainElement, textElement, type Xml } from "../xml/xml-write.ts";

/** @limit S3: keys and common prefixes on a page. */
export const pageItemsMax = 1000;

/** The elements that both listings of objects have in common. */
export interface Listing {
  readonly encoding: KeyEncoding;
  readonly delimiter: Uint8Array | undefined;
  readonly page: ListPage;
  /** Name, Prefix, Delimiter and so on, as far as the versions agree. */
  readonly elements: readonly Xml[];
  readonly writeItems: (out: XmlBytes) => void;
  readonly headers: HeaderList;
}

export interface ListOptions {
  readonly after: Uint8Array | undefined;
  readonly prefixOfAfter?: ListInput["prefixOfAfter"];
  /** True if each object names its owner. */
  readonly withOwner: boolean;
  /** How the encoding writes the prefix. */
  readonly prefixAs: "keyElement" | "echoElement";
}

/** Lists one page, after `after`. */
export async function listPage(call: S3Call, options: ListOptions): Promise<Listing> {
  const { bucket, query } = call.target;
  const owned = await permit(call, "s3:ListBucket", { bucket });
  const encoding = keyEncodingOf(call);
  const limit = parseCountParameter(call, "max-keys", pageItemsMax, pageItemsMax);
  const prefix = keyParameter(query, "prefix") ?? noBytes;
  const delimiter = keyParameter(query, "delimiter");
  const { after, prefixOfAfter, withOwner } = options;
  const input = { bucket: owned, prefix, delimiter, after, prefixOfAfter, limit };
  const found = granted(await listObjects(call.objects, input), { bucket });
  // S3 calls an empty page complete if it was asked for: going on from it would never end.
  const page = { items: found.items, truncated: found.truncated && limit > 0 };
  const shownDelimiter = delimiter === undefined || delimiter.length === 0 ? undefined : delimiter;
  const elements = [
    textElement("Name", bucket),
    encoding[options.prefixAs]("Prefix", prefix),
    encoding.keyElement("Delimiter", shownDelimiter),
    textElement("MaxKeys", limit),
    encoding.element,
    textElement("IsTruncated", page.truncated),
  ];
  const headers = [bucketRegionHeader(owned)];
  const writeItems = (out: XmlBytes): void => writeItemRows(out, page.items, encoding, withOwner);
  return { encoding, delimiter: shownDelimiter, page, elements, writeItems, headers };
}

/** The objects first and then the common prefixes, as S3 writes them, each in order. */
function writeItemRows(
  out: XmlBytes,
  items: readonly ListItem[],
  encoding: KeyEncoding,
  withOwner: boolean,
): void {
  for (const item of items) {
    if (item.kind === "object") writeContents(out, item, encoding, withOwner);
  }
  for (const item of items) {
    if (item.kind === "prefix") writeCommonPrefix(out, encoding, item.prefix);
  }
}

const tags = {
  contents: markup("<Contents><Key>"),
  keyEnd: markup("</Key>"),
  contentsEnd: markup("</Contents>"),
  modified: markup("<LastModified>"),
  modifiedEnd: markup("</LastModified>"),
  modifiedToEtag: markup("</LastModified><ETag>&quot;"),
  etagToSize: markup("&quot;</ETag><Size>"),
  sizeEnd: markup("</Size>"),
  owner: markup("<Owner><ID>"),
  ownerEnd: markup("</ID></Owner>"),
  storageClass: markup("<StorageClass>"),
  storageClassEnd: markup("</StorageClass>"),
};

function writeContents(
  out: XmlBytes,
  { key, row }: ListItem & { readonly kind: "object" },
  encoding: KeyEncoding,
  withOwner: boolean,
): void {
  encoding.write(out.markup(tags.contents), key);
  writeData(out.markup(tags.keyEnd), row);
  if (withOwner) writeOwner(out, row.owner);
  writeStorageClass(out, row.storageClass);
  out.markup(tags.contentsEnd);
}

export function writeModified(out: XmlBytes, modifiedMs: number): void {
  out.markup(tags.modified).isoDate(modifiedMs).markup(tags.modifiedEnd);
}

/**
 * When it was written, ETag as `etagOf` has it, which checksum there is (but not its value), and
 * size.
 */
export function writeData(out: XmlBytes, row: ObjectSummary): void {
  const { checksum } = row;
  out.markup(tags.modified).isoDate(row.modifiedMs).markup(tags.modifiedToEtag).hex(row.md5);
  if (row.partCount > 0) out.plain("-").number(row.partCount);
  out.markup(checksum ? etagToSize[checksum.algorithm][checksum.type] : tags.etagToSize);
  out.number(row.size).markup(tags.sizeEnd);
}

/** ETag to size, with the elements that say which checksum there is. */
const etagToSize = Object.fromEntries(
  checksumAlgorithms.map((algorithm) => {
    const between = (type: ChecksumType): Uint8Array => {
      const name = plainElement("ChecksumAlgorithm", checksumName(algorithm));
      const kind = plainElement("ChecksumType", checksumTypeName(type));
      return markup(`&quot;</ETag>${name}${kind}<Size>`);
    };
    return [algorithm, { full: between("full"), composite: between("composite") }];
  }),
  // The cast holds, since the entries are made of all algorithms.
) as Readonly<Record<ChecksumAlgorithm, Readonly<Record<ChecksumType, Uint8Array>>>>;

/** Only the id: S3 no longer has names to display. */
export function writeOwner(out: XmlBytes, owner: string): void {
  out.markup(tags.owner).repeatedText(owner).markup(tags.ownerEnd);
}

export function writeStorageClass(out: XmlBytes, storageClass: string): void {
  out.markup(tags.storageClass).repeatedText(storageClass).markup(tags.storageClassEnd);
}

/** The same for the answers that name few owners. */
export function ownerElement(name: "Owner" | "Initiator", owner: string): Xml {
  return element(name, [textElement("ID", owner)]);
}

/** The key or prefix of the page's last item, where the next page goes on. */
export function placeOf(item: ListItem | undefined): Uint8Array | undefined {
  return item?.kind === "prefix" ? item.prefix : item?.key;
}

/**
 * How the keys of a listing are written: as they are, or percent-encoded for parsers that can't
 * hold every character (`encoding-type=url`).
 */
export interface KeyEncoding {
  /** An element holding a key, a prefix, a delimiter or a marker; nothing for undefined. */
  keyElement(name: string, value: Uint8Array | undefined): Xml;
  /**
   * The same of a value that some clients decode and some show as it comes: of it only what
   * decoding would change is encoded, and what XML has no character for.
   */
  echoElement(name: string, value: Uint8Array): Xml;
  /** The value itself, between the tags of a row. */
  write(out: XmlBytes, value: Uint8Array): void;
  readonly element: Xml;
}

export function keyEncodingOf(call: S3Call): KeyEncoding {
  const type = call.target.query.get("encoding-type");
  if (type !== undefined && type !== "url") {
    throw invalidArgument("encoding-type", type, "Invalid Encoding Method specified in Request");
  }
  const encode = type === "url" ? percentEncodeKey : decodeUtf8;
  const echo = type === "url" ? encodeAmbiguous : decodeUtf8;
  return {
    keyElement: (name, value) => textElement(name, value === undefined ? undefined : encode(value)),
    echoElement: (name, value) => textElement(name, echo(value)),
    write: (out, value) => void (type === "url" ? out.percentEncoded(value) : out.text(value)),
    element: textElement("EncodingType", type),
  };
}

function encodeAmbiguous(value: Uint8Array): string {
  // oxlint-disable-next-line no-control-regex -- XML's lack of them is what it is about
  const ambiguous = /[%+\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
  return decodeUtf8(value).replace(ambiguous, (character) =>
    percentEncodeKey(encodeUtf8(character)),
  );
}

const commonPrefixStart = markup("<CommonPrefixes><Prefix>");
const commonPrefixEnd = markup("</Prefix></CommonPrefixes>");

export function writeCommonPrefix(out: XmlBytes, encoding: KeyEncoding, prefix: Uint8Array): void {
  encoding.write(out.markup(commonPrefixStart), prefix);
  out.markup(commonPrefixEnd);
}

/** Where a listing goes on, in a form whose first character is its version; opaque to clients. */
const version = "1";

export function encodeContinuationToken(after: Uint8Array): string {
  const base64 = toBase64(after).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return version + base64;
}

/**
 * A token from an earlier page; InvalidArgument for anything else. Undefined where there is none.
 */
export function decodeContinuationToken(token: string | undefined): Uint8Array | undefined {
  if (token === undefined) return undefined;
  const base64 = token.slice(1).replaceAll("-", "+").replaceAll("_", "/");
  const padded = base64.padEnd(Math.ceil(base64.length / 4) * 4, "=");
  const after = token.startsWith(version) ? fromBase64(padded) : undefined;
  if (after !== undefined && after.length > 0 && tryDecodeUtf8(after) !== undefined) return after;
  const message = "The continuation token provided is incorrect";
  throw invalidArgument("continuation-token", token, message);
}

export function encodeNameToken(after: string): string {
  return encodeContinuationToken(encodeUtf8(after));
}

export function decodeNameToken(token: string | undefined): string | undefined {
  const after = decodeContinuationToken(token);
  return after && decodeUtf8(after);
}

/** The key as it is; the multipart answers that name a single key know no `encoding-type`. */
export function keyElement(key: Uint8Array): Xml {
  return textElement("Key", decodeUtf8(key));
}

/** The elements about an upload that ListParts and ListMultipartUploads share. */
export function uploadElements({ attributes, checksum }: UploadRow): readonly Xml[] {
  return [
    ownerElement("Initiator", attributes.owner),
    ownerElement("Owner", attributes.owner),
    textElement("StorageClass", attributes.storageClass),
    textElement("ChecksumAlgorithm", checksum && checksumName(checksum.algorithm)),
    textElement("ChecksumType", checksum && checksumTypeName(checksum.type)),
  ];
}

/** A time as S3 writes it in XML: in UTC, whole seconds, `.000Z` at the end. */
export function formatIsoDate(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString();
}

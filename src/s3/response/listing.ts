import { noBytes } from "../../base/bytes.ts";
import type { StoredChecksum } from "../../format/checksum.ts";
import type { HeaderList } from "../../platform/http.ts";
import { etagOf } from "../../object/etag.ts";
import {
  type ListInput,
  type ListItem,
  type ListPage,
  listObjects,
} from "../../object/list/list.ts";
import { type S3Call, bucketRegionHeader, granted, permit } from "../call.ts";
import { checksumName, checksumTypeName } from "../request/checksum-names.ts";
import { formatIsoDate } from "./iso-date.ts";
import { type KeyEncoding, commonPrefixElement, keyEncodingOf } from "./key-encoding.ts";
import { parseCount } from "../request/object-parameters.ts";
import { keyParameter } from "../request/request-target.ts";
import { type Xml, element, etagElement, plainElement, textElement } from "../xml/xml-write.ts";

/** S3: keys and common prefixes on a page. */
export const pageItemsMax = 1000;

/** What both listings of objects have in common. */
export interface Listing {
  readonly encoding: KeyEncoding;
  readonly delimiter: Uint8Array | undefined;
  readonly page: ListPage;
  /** Name, Prefix, Delimiter and so on, as far as the versions agree. */
  readonly elements: readonly Xml[];
  readonly headers: HeaderList;
}

export interface ListOptions {
  readonly after: Uint8Array | undefined;
  readonly prefixOfAfter?: ListInput["prefixOfAfter"];
  /** Whether each object names its owner. */
  readonly withOwner: boolean;
  /** Which of the encoding's ways to write the prefix. */
  readonly prefixAs: "keyElement" | "echoElement";
}

/** One page after `after`. */
export async function listPage(call: S3Call, options: ListOptions): Promise<Listing> {
  const { bucket, query } = call.target;
  const { region } = await permit(call, "s3:ListBucket", { bucket });
  const encoding = keyEncodingOf(call);
  const limit = parseCount(call, "max-keys", pageItemsMax, pageItemsMax);
  const prefix = keyParameter(query, "prefix") ?? noBytes;
  const delimiter = keyParameter(query, "delimiter");
  const { after, prefixOfAfter } = options;
  const input = { bucket, prefix, delimiter, after, prefixOfAfter, limit };
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
    ...itemElements(page.items, encoding, options.withOwner),
  ];
  const headers = [bucketRegionHeader({ region })];
  return { encoding, delimiter: shownDelimiter, page, elements, headers };
}

/** The objects first and then the common prefixes, as S3 writes them, each in order. */
function itemElements(
  items: readonly ListItem[],
  encoding: KeyEncoding,
  withOwner: boolean,
): readonly Xml[] {
  const contents: Xml[] = [];
  const prefixes: Xml[] = [];
  for (const item of items) {
    if (item.kind === "prefix") prefixes.push(commonPrefixElement(encoding, item.prefix));
    else contents.push(contentsElement(item, encoding, withOwner));
  }
  return [...contents, ...prefixes];
}

function contentsElement(
  { key, row }: ListItem & { readonly kind: "object" },
  encoding: KeyEncoding,
  withOwner: boolean,
): Xml {
  return element("Contents", [
    encoding.keyElement("Key", key),
    plainElement("LastModified", formatIsoDate(row.modifiedMs)),
    etagElement(etagOf(row)),
    ...checksumKindElements(row.checksum),
    plainElement("Size", row.size),
    ...(withOwner ? [ownerElement("Owner", row.attributes.owner)] : []),
    textElement("StorageClass", row.attributes.storageClass),
  ]);
}

/** Which checksum an object has, but not its value. */
export function checksumKindElements(checksum: StoredChecksum | undefined): readonly Xml[] {
  if (checksum === undefined) return [];
  const { algorithm, type } = checksum;
  return [
    plainElement("ChecksumAlgorithm", checksumName(algorithm)),
    plainElement("ChecksumType", checksumTypeName(type)),
  ];
}

/** Only the id: S3 no longer has names to display. */
export function ownerElement(name: "Owner" | "Initiator", owner: string): Xml {
  return element(name, [textElement("ID", owner)]);
}

/** What the last item of a page is called, to go on from. */
export function placeOf(item: ListItem | undefined): Uint8Array | undefined {
  return item?.kind === "prefix" ? item.prefix : item?.key;
}

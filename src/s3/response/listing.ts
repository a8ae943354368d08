import { noBytes } from "../../base/bytes.ts";
import type { ChecksumAlgorithm, ChecksumType } from "../../format/checksum.ts";
import type { HeaderList } from "../../platform/http.ts";
import type { ObjectSummary } from "../../format/object-row.ts";
import {
  type ListInput,
  type ListItem,
  type ListPage,
  listObjects,
} from "../../object/list/list.ts";
import { type S3Call, bucketRegionHeader, granted, permit } from "../call.ts";
import { checksumAlgorithms, checksumName, checksumTypeName } from "../request/checksum-names.ts";
import { type KeyEncoding, keyEncodingOf, writeCommonPrefix } from "./key-encoding.ts";
import { parseCount } from "../request/object-parameters.ts";
import { keyParameter } from "../request/request-target.ts";
import { type XmlBytes, markup } from "../xml/xml-bytes.ts";
import { type Xml, element, plainElement, textElement } from "../xml/xml-write.ts";

/** @limit S3: keys and common prefixes on a page. */
export const pageItemsMax = 1000;

/** What both listings of objects have in common. */
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
  const { after, prefixOfAfter, withOwner } = options;
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
  ];
  const headers = [bucketRegionHeader({ region })];
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

/** When it was written, ETag as `etagOf` has it, which checksum there is (but not its value), and size. */
export function writeData(out: XmlBytes, row: ObjectSummary): void {
  const { checksum } = row;
  out.markup(tags.modified).isoDate(row.modifiedMs).markup(tags.modifiedToEtag).hex(row.md5);
  if (row.partCount > 0) out.plain("-").number(row.partCount);
  out.markup(checksum ? etagToSize[checksum.algorithm][checksum.type] : tags.etagToSize);
  out.number(row.size).markup(tags.sizeEnd);
}

/** With the elements that say which checksum there is. */
const etagToSize = Object.fromEntries(
  checksumAlgorithms.map((algorithm) => {
    const between = (type: ChecksumType): Uint8Array => {
      const name = plainElement("ChecksumAlgorithm", checksumName(algorithm));
      const kind = plainElement("ChecksumType", checksumTypeName(type));
      return markup(`&quot;</ETag>${name}${kind}<Size>`);
    };
    return [algorithm, { full: between("full"), composite: between("composite") }];
  }),
) as Readonly<Record<ChecksumAlgorithm, Readonly<Record<ChecksumType, Uint8Array>>>>; // of all algorithms

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

/** What the last item of a page is called, to go on from. */
export function placeOf(item: ListItem | undefined): Uint8Array | undefined {
  return item?.kind === "prefix" ? item.prefix : item?.key;
}

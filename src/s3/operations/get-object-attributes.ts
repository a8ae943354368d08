import { toBase64 } from "../../base/bytes.ts";
import { formatHttpDate } from "../../base/http-date.ts";
import type { PartList } from "../../format/manifest.ts";
import type { ObjectRow } from "../../format/object-row.ts";
import { type ObjectDescription, describeObject } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, type S3Call, permit, xmlResponse } from "../call.ts";
import {
  checksumElementName,
  checksumTypeName,
  partChecksumElements,
} from "../request/checksums.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import {
  parseVersion,
  refusedVersion,
  versionAction,
  versionHeaders,
} from "../request/object-parameters.ts";
import { type Xml, element, plainElement, textElement, xmlDocument } from "../xml/xml-write.ts";

/** @limit S3: parts on a page. */
const pagePartsMax = 1000;

const attributesHeader = "x-amz-object-attributes";

/** The order is that in which S3 writes them. */
const attributeNames = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const;
type AttributeName = (typeof attributeNames)[number];

export const getObjectAttributes: Operation = async (call) => {
  const { bucket, key } = call.target;
  const place = { bucket, key };
  const found = await permit(call, versionAction("s3:GetObject", call), place);
  await permit(call, versionAction("s3:GetObjectAttributes", call), place);
  const wanted = parseAttributes(call);
  const version = parseVersion(call, found);
  const object = await describeObject(call.objects, { bucket: found, key, version });
  if (isRefusal(object)) throw refusedVersion(object, call);
  const elements: Xml[] = [];
  for (const name of attributeNames) {
    if (wanted.has(name)) elements.push(await attributeElement(call, name, object));
  }
  return xmlResponse(xmlDocument("GetObjectAttributesResponse", elements), [
    ["last-modified", formatHttpDate(object.row.modifiedMs)],
    ...versionHeaders(object.versionId),
  ]);
};

function parseAttributes(call: S3Call): ReadonlySet<AttributeName> {
  const names = (call.headers.get(attributesHeader) ?? "").split(",").map((name) => name.trim());
  const wanted = new Set<AttributeName>();
  for (const name of names.filter((each) => each !== "")) {
    const known = attributeNames.find((each) => each === name);
    if (known === undefined) {
      throw invalidArgument(attributesHeader, name, "Invalid attribute name specified.");
    }
    wanted.add(known);
  }
  if (wanted.size > 0) return wanted;
  const lacking = "specifying the attributes to be retrieved is either missing or empty";
  throw new S3Error("InvalidRequest", { message: `The ${attributesHeader} header ${lacking}` });
}

async function attributeElement(
  call: S3Call,
  name: AttributeName,
  object: ObjectDescription,
): Promise<Xml> {
  const { row, etag } = object;
  switch (name) {
    case "ETag":
      return plainElement("ETag", etag);
    case "Checksum":
      return checksumElement(row);
    case "ObjectParts":
      return partsElement(call, row, await object.parts());
    case "StorageClass":
      return textElement("StorageClass", row.attributes.storageClass);
    case "ObjectSize":
      return plainElement("ObjectSize", row.size);
  }
}

const nothing = textElement("Nothing", undefined);

/** Here, a composite one does not say of how many parts it is. */
function checksumElement({ checksum }: ObjectRow): Xml {
  if (checksum === undefined) return nothing;
  const { algorithm, type, value } = checksum;
  return element("Checksum", [
    plainElement(checksumElementName(algorithm), toBase64(value)),
    plainElement("ChecksumType", checksumTypeName(type)),
  ]);
}

/**
 * Parts are listed where their checksums are what the object's is made of; else S3 tells how many
 * there are. They count from 1 without gaps, as they do for reads by part number.
 */
function partsElement(call: S3Call, { checksum }: ObjectRow, parts: PartList | undefined): Xml {
  if (parts === undefined) return nothing;
  const after = headerCount(call, "x-amz-part-number-marker", 0, parts.length + 1);
  const limit = headerCount(call, "x-amz-max-parts", pagePartsMax, pagePartsMax);
  const page = parts.slice(after, after + limit);
  const next = page.length === 0 ? 0 : after + page.length;
  const count = plainElement("PartsCount", parts.length);
  if (checksum?.type !== "composite") return element("ObjectParts", [count]);
  return element("ObjectParts", [
    count,
    textElement("PartNumberMarker", call.headers.get("x-amz-part-number-marker") ?? 0),
    plainElement("NextPartNumberMarker", next),
    plainElement("MaxParts", limit),
    plainElement("IsTruncated", String(page.length > 0 && next < parts.length)),
    ...page.map((part, index) =>
      element("Part", [
        plainElement("PartNumber", after + index + 1),
        plainElement("Size", part.size),
        ...partChecksumElements(part.checksum),
      ]),
    ),
  ]);
}

/** S3 takes no notice of what is no number. */
function headerCount(call: S3Call, name: string, fallback: number, max: number): number {
  const text = call.headers.get(name)?.trim() ?? "";
  return /^\d{1,9}$/.test(text) ? Math.min(Number(text), max) : fallback;
}

import { noBytes } from "../../base/bytes.ts";
import { etagOf } from "../../object/etag.ts";
import { type VersionListItem, listVersions } from "../../object/list/list-versions.ts";
import { parseVersionId, versionIdOf } from "../../object/version/version-id.ts";
import { type Operation, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import { invalidArgument } from "../errors.ts";
import { formatIsoDate } from "../response/iso-date.ts";
import { type KeyEncoding, commonPrefixElement, keyEncodingOf } from "../response/key-encoding.ts";
import { checksumKindElements, ownerElement, pageItemsMax } from "../response/listing.ts";
import { parseCount } from "../request/object-parameters.ts";
import { keyParameter } from "../request/request-target.ts";
import {
  type Xml,
  element,
  etagElement,
  plainElement,
  textElement,
  xmlDocument,
} from "../xml/xml-write.ts";

export const listObjectVersions: Operation = async (call) => {
  const { bucket, query } = call.target;
  await permit(call, "s3:ListBucketVersions", { bucket });
  const encoding = keyEncodingOf(call);
  const limit = parseCount(call, "max-keys", pageItemsMax, pageItemsMax);
  const prefix = keyParameter(query, "prefix") ?? noBytes;
  const delimiter = keyParameter(query, "delimiter");
  const after = parseMarkers(call);
  const input = { bucket, prefix, delimiter, after, limit };
  const { items, truncated } = granted(await listVersions(call.objects, input), { bucket });
  const more = truncated && limit > 0;
  return xmlResponse(
    xmlDocument("ListVersionsResult", [
      textElement("Name", bucket),
      encoding.keyElement("Prefix", prefix),
      encoding.keyElement("KeyMarker", after?.key ?? noBytes),
      textElement("VersionIdMarker", query.get("version-id-marker") ?? ""),
      ...(more ? nextMarkers(items.at(-1), encoding) : []),
      textElement("MaxKeys", limit),
      encoding.keyElement("Delimiter", delimiter?.length === 0 ? undefined : delimiter),
      encoding.element,
      textElement("IsTruncated", more),
      ...items
        .filter((item) => item.kind === "version")
        .map((item) => versionElement(item, encoding)),
      ...items
        .filter((item) => item.kind === "prefix")
        .map((item) => commonPrefixElement(encoding, item.prefix)),
    ]),
  );
};

/** A version counts only next to a key. */
function parseMarkers(call: S3Call) {
  const { query } = call.target;
  const key = keyParameter(query, "key-marker") ?? noBytes;
  const text = query.get("version-id-marker") ?? "";
  if (text !== "" && key.length === 0) {
    const message = "A version-id marker cannot be specified without a key marker.";
    throw invalidArgument("version-id-marker", text, message);
  }
  if (key.length === 0) return undefined;
  const version = parseVersionId(text);
  if (text === "" || version !== undefined) return { key, version };
  throw invalidArgument("version-id-marker", text, "Invalid version id specified");
}

function nextMarkers(last: VersionListItem | undefined, encoding: KeyEncoding): readonly Xml[] {
  if (last?.kind === "prefix") return [encoding.keyElement("NextKeyMarker", last.prefix)];
  return [
    encoding.keyElement("NextKeyMarker", last?.key),
    textElement("NextVersionIdMarker", last && versionIdOf(last.row)),
  ];
}

function versionElement(
  { key, row, latest }: VersionListItem & { readonly kind: "version" },
  encoding: KeyEncoding,
): Xml {
  const isObject = row.kind === "object";
  return element(isObject ? "Version" : "DeleteMarker", [
    encoding.keyElement("Key", key),
    plainElement("VersionId", versionIdOf(row)),
    plainElement("IsLatest", String(latest)),
    plainElement("LastModified", formatIsoDate(row.modifiedMs)),
    ...(isObject
      ? [
          etagElement(etagOf(row)),
          ...checksumKindElements(row.checksum),
          plainElement("Size", row.size),
          textElement("StorageClass", row.attributes.storageClass),
        ]
      : []),
    ownerElement("Owner", row.attributes.owner),
  ]);
}

import type { ObjectSummary } from "../../format/object-row.ts";
import { noBytes } from "../../base/bytes.ts";
import { type VersionListItem, listVersions } from "../../object/list/list-versions.ts";
import {
  parseVersionId,
  versionIdBytes,
  versionIdOf,
  writeVersionId,
} from "../../format/version-id.ts";
import { type Operation, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import { invalidArgument } from "../errors.ts";
import {
  type KeyEncoding,
  keyEncodingOf,
  pageItemsMax,
  writeCommonPrefix,
  writeData,
  writeModified,
  writeOwner,
  writeStorageClass,
} from "../response/listing.ts";
import { parseCountParameter } from "../request/object-parameters.ts";
import { keyParameter } from "../request/request-target.ts";
import { type XmlBytes, markup, xmlPage } from "../xml/xml-bytes.ts";
import { type Xml, textElement } from "../xml/xml-write.ts";

export const listObjectVersions: Operation = async (call) => {
  const { bucket, query } = call.target;
  const found = await permit(call, "s3:ListBucketVersions", { bucket });
  const encoding = keyEncodingOf(call);
  const limit = parseCountParameter(call, "max-keys", pageItemsMax, pageItemsMax);
  const prefix = keyParameter(query, "prefix") ?? noBytes;
  const delimiter = keyParameter(query, "delimiter");
  const after = parseMarkers(call);
  const input = { bucket: found, prefix, delimiter, after, limit };
  const { items, truncated } = granted(await listVersions(call.objects, input), { bucket });
  const more = truncated && limit > 0;
  return xmlResponse(
    xmlPage(
      "ListVersionsResult",
      [
        textElement("Name", bucket),
        encoding.keyElement("Prefix", prefix),
        encoding.keyElement("KeyMarker", after?.key ?? noBytes),
        textElement("VersionIdMarker", query.get("version-id-marker") ?? ""),
        ...(more ? nextMarkers(items.at(-1), encoding) : []),
        textElement("MaxKeys", limit),
        encoding.keyElement("Delimiter", delimiter?.length === 0 ? undefined : delimiter),
        encoding.element,
        textElement("IsTruncated", more),
      ],
      (out) => {
        const how = { encoding, ids: new VersionIds() };
        for (const item of items) if (item.kind === "version") writeVersion(out, item, how);
        for (const item of items) {
          if (item.kind === "prefix") writeCommonPrefix(out, encoding, item.prefix);
        }
      },
    ),
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

const tags = {
  version: markup("<Version><Key>"),
  versionEnd: markup("</Version>"),
  deleteMarker: markup("<DeleteMarker><Key>"),
  deleteMarkerEnd: markup("</DeleteMarker>"),
  versionId: markup("</Key><VersionId>"),
  isLatest: markup("</VersionId><IsLatest>true</IsLatest>"),
  isNotLatest: markup("</VersionId><IsLatest>false</IsLatest>"),
};

/**
 * Writes version ids as `versionIdOf` has them, but as bytes: as texts they took 1.3 of 8 µs a
 * version (Node 26.10, November 2026).
 */
class VersionIds {
  /** Holds the id of one version after the other. */
  readonly #id = new Uint8Array(versionIdBytes);

  write(out: XmlBytes, row: ObjectSummary): void {
    if (row.nullVersion) {
      out.plain(versionIdOf(row));
      return;
    }
    writeVersionId(row, this.#id);
    out.base64Url(this.#id);
  }
}

function writeVersion(
  out: XmlBytes,
  { key, row, latest }: VersionListItem & { readonly kind: "version" },
  { encoding, ids }: { readonly encoding: KeyEncoding; readonly ids: VersionIds },
): void {
  const isObject = row.kind === "object";
  encoding.write(out.markup(isObject ? tags.version : tags.deleteMarker), key);
  ids.write(out.markup(tags.versionId), row);
  out.markup(latest ? tags.isLatest : tags.isNotLatest);
  if (isObject) {
    writeData(out, row);
    writeStorageClass(out, row.storageClass);
  } else writeModified(out, row.modifiedMs);
  writeOwner(out, row.owner);
  out.markup(isObject ? tags.versionEnd : tags.deleteMarkerEnd);
}

import { noBytes } from "../../base/bytes.ts";
import type { Bucket } from "../../object/bucket/buckets.ts";
import { type UploadListItem, isUploadOf, listUploads } from "../../object/upload/multipart.ts";
import { type Operation, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import { invalidArgument } from "../errors.ts";
import {
  formatIsoDate,
  type KeyEncoding,
  keyEncodingOf,
  pageItemsMax,
  uploadElements,
  writeCommonPrefix,
} from "../response/listing.ts";
import { asUploadId, parseCountParameter } from "../request/object-parameters.ts";
import { keyParameter } from "../request/request-target.ts";
import { type XmlBytes, xmlPage } from "../xml/xml-bytes.ts";
import { type Xml, element, textElement } from "../xml/xml-write.ts";
import { idText } from "../../format/ids.ts";

export const listMultipartUploads: Operation = async (call) => {
  const { bucket, query } = call.target;
  const found = await permit(call, "s3:ListBucketMultipartUploads", { bucket });
  const encoding = keyEncodingOf(call);
  const limit = parseCountParameter(call, "max-uploads", pageItemsMax, pageItemsMax);
  const prefix = keyParameter(query, "prefix") ?? noBytes;
  const delimiter = keyParameter(query, "delimiter");
  const markers = parseMarkers(call, found);
  const input = { bucket: found, prefix, delimiter, ...markers, limit };
  const { items, truncated } = granted(await listUploads(call.objects, input), { bucket });
  const more = truncated && limit > 0;
  return xmlResponse(
    xmlPage(
      "ListMultipartUploadsResult",
      [
        textElement("Bucket", bucket),
        encoding.keyElement("KeyMarker", markers.afterKey ?? noBytes),
        textElement(
          "UploadIdMarker",
          markers.afterUpload === undefined ? "" : idText(markers.afterUpload),
        ),
        ...nextMarkers(items.at(-1), encoding),
        encoding.keyElement("Prefix", prefix),
        encoding.keyElement("Delimiter", delimiter?.length === 0 ? undefined : delimiter),
        encoding.element,
        textElement("MaxUploads", limit),
        textElement("IsTruncated", more),
      ],
      (out) => {
        for (const item of items) writeItem(out, item, encoding);
      },
    ),
  );
};

/** The upload id counts only next to a key, and then has to be of that. */
function parseMarkers(call: S3Call, bucket: Bucket) {
  const { query } = call.target;
  const afterKey = keyParameter(query, "key-marker");
  const text = query.get("upload-id-marker") ?? "";
  if (afterKey === undefined || afterKey.length === 0 || text === "") {
    return { afterKey, afterUpload: undefined };
  }
  const upload = asUploadId(text);
  if (upload !== undefined && isUploadOf(call.objects, bucket, { key: afterKey, upload })) {
    return { afterKey, afterUpload: upload };
  }
  throw invalidArgument("upload-id-marker", text, "Invalid uploadId marker");
}

/** S3 gives them on the last page too, empty if need be. */
function nextMarkers(last: UploadListItem | undefined, encoding: KeyEncoding): readonly Xml[] {
  const isUpload = last?.kind === "upload";
  const place = isUpload ? last.key : last?.prefix;
  return [
    encoding.keyElement("NextKeyMarker", place ?? noBytes),
    textElement("NextUploadIdMarker", isUpload ? idText(last.upload) : ""),
  ];
}

function writeItem(out: XmlBytes, item: UploadListItem, encoding: KeyEncoding): void {
  if (item.kind === "prefix") return writeCommonPrefix(out, encoding, item.prefix);
  const upload = element("Upload", [
    encoding.keyElement("Key", item.key),
    textElement("UploadId", idText(item.upload)),
    ...uploadElements(item.row),
    textElement("Initiated", formatIsoDate(item.row.initiatedMs)),
  ]);
  out.xml(upload);
}

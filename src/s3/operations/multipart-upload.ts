import { must } from "../../base/assert.ts";
import { toHex } from "../../base/bytes.ts";
import { idText } from "../../format/ids.ts";
import type { UploadRow } from "../../format/object-row.ts";
import {
  abortUpload,
  initiateUpload,
  listParts as listPartRows,
} from "../../object/upload/multipart.ts";
import { checksumTypes } from "../../object/write/whole-checksum.ts";
import type { HeaderList } from "../../platform/http.ts";
import { granted, type Operation, permit, type S3Call, xmlResponse } from "../call.ts";
import { S3Error } from "../errors.ts";
import { checksumName, checksumTypeName, partChecksumElements } from "../request/checksums.ts";
import { parseObjectAttributes } from "../request/object-attributes.ts";
import { parseCountParameter, parseUploadAddress, partsMax } from "../request/object-parameters.ts";
import { declaredChecksums } from "../request/body.ts";
import { formatIsoDate, keyElement, uploadElements } from "../response/listing.ts";
import { element, etagElement, textElement, xmlDocument } from "../xml/xml-write.ts";

export const createMultipartUpload: Operation = async (call) => {
  const { bucket, key } = call.target;
  const owned = await permit(call, "s3:PutObject", { bucket, key });
  const attributes = parseObjectAttributes(call.headers, owned);
  if (attributes.tags.length > 0) await permit(call, "s3:PutObjectTagging", { bucket, key });
  const checksum = chooseChecksum(call);
  const input = { bucket: owned, key, attributes, checksum };
  const { upload } = granted(await initiateUpload(call.objects, input), { bucket, key });
  return xmlResponse(
    xmlDocument("InitiateMultipartUploadResult", [
      textElement("Bucket", bucket),
      keyElement(key),
      textElement("UploadId", idText(upload)),
    ]),
    headersOf(checksum),
  );
};

/** The checksum of the whole object: composite, unless it is one that only exists in full. */
function chooseChecksum(call: S3Call): UploadRow["checksum"] {
  const declared = declaredChecksums(call, true);
  const algorithm = declared.checksum?.algorithm;
  if (algorithm === undefined) {
    if (declared.type === undefined) return undefined;
    const message =
      "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
    throw new S3Error("InvalidRequest", { message });
  }
  const types = checksumTypes(algorithm);
  const type = declared.type ?? must(types[0], "every algorithm has a type");
  if (!types.includes(type)) {
    const message =
      `The ${checksumTypeName(type)} checksum type cannot be used with the ` +
      `${algorithm} checksum algorithm.`;
    throw new S3Error("InvalidRequest", { message });
  }
  return { algorithm, type };
}

function headersOf(checksum: UploadRow["checksum"]): HeaderList {
  if (checksum === undefined) return [];
  return [
    ["x-amz-checksum-algorithm", checksumName(checksum.algorithm)],
    ["x-amz-checksum-type", checksumTypeName(checksum.type)],
  ];
}

export const abortMultipartUpload: Operation = async (call) => {
  const { bucket, key } = call.target;
  const owned = await permit(call, "s3:AbortMultipartUpload", { bucket, key });
  const { address, place } = parseUploadAddress(call, owned);
  granted(await abortUpload(call.objects, address), place);
  return { status: 204, headers: [] };
};

/** @limit S3: parts on a page. */
const pagePartsMax = 1000;

export const listParts: Operation = async (call) => {
  const { bucket, key } = call.target;
  const owned = await permit(call, "s3:ListMultipartUploadParts", { bucket, key });
  const { address, place } = parseUploadAddress(call, owned);
  const limit = parseCountParameter(call, "max-parts", pagePartsMax, pagePartsMax);
  const afterPart = parseCountParameter(call, "part-number-marker", 0, partsMax);
  const found = await listPartRows(call.objects, { ...address, afterPart, limit });
  const { upload, parts, truncated } = granted(found, place);
  return xmlResponse(
    xmlDocument("ListPartsResult", [
      textElement("Bucket", bucket),
      keyElement(key),
      textElement("UploadId", idText(address.upload)),
      ...uploadElements(upload),
      textElement("PartNumberMarker", afterPart),
      textElement("NextPartNumberMarker", parts.at(-1)?.part ?? 0),
      textElement("MaxParts", limit),
      textElement("IsTruncated", truncated && limit > 0),
      ...parts.map((row) =>
        element("Part", [
          textElement("PartNumber", row.part),
          textElement("LastModified", formatIsoDate(row.modifiedMs)),
          etagElement(toHex(row.md5)),
          textElement("Size", row.size),
          ...(upload.checksum === undefined ? [] : partChecksumElements(row.checksum)),
        ]),
      ),
    ]),
  );
};

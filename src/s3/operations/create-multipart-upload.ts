import { must } from "../../base/assert.ts";
import type { UploadRow } from "../../format/object-row.ts";
import { initiateUpload } from "../../object/upload/multipart.ts";
import { checksumTypes } from "../../object/write/whole-checksum.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type Operation, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import { checksumName, checksumTypeName } from "../request/checksum-names.ts";
import { S3Error } from "../errors.ts";
import { parseObjectAttributes } from "../request/object-attributes.ts";
import { declaredChecksums } from "../request/upload-body.ts";
import { keyElement } from "../response/multipart-elements.ts";
import { textElement, xmlDocument } from "../xml/xml-write.ts";
import { idText } from "../../format/ids.ts";

export const createMultipartUpload: Operation = async (call) => {
  const { bucket, key } = call.target;
  const owned = await permit(call, "s3:PutObject", { bucket, key });
  const attributes = parseObjectAttributes(call.headers, owned);
  if (attributes.tags.length > 0) await permit(call, "s3:PutObjectTagging", { bucket, key });
  const checksum = chooseChecksum(call);
  const input = { bucket, key, attributes, checksum };
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

import { toHex } from "../../base/bytes.ts";
import { listParts as listPartRows } from "../../object/upload/multipart.ts";
import { type Operation, granted, permit, xmlResponse } from "../call.ts";
import { partChecksumElements } from "../request/checksum-names.ts";
import { formatIsoDate } from "../response/iso-date.ts";
import { keyElement, uploadElements } from "../response/multipart-elements.ts";
import { parseCount, parseUploadAddress, partsMax } from "../request/object-parameters.ts";
import { element, etagElement, textElement, xmlDocument } from "../xml/xml-write.ts";
import { idText } from "../../format/ids.ts";

/** @limit S3: parts on a page. */
const pagePartsMax = 1000;

export const listParts: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:ListMultipartUploadParts", { bucket, key });
  const address = parseUploadAddress(call);
  const limit = parseCount(call, "max-parts", pagePartsMax, pagePartsMax);
  const afterPart = parseCount(call, "part-number-marker", 0, partsMax);
  const found = await listPartRows(call.objects, { ...address, afterPart, limit });
  const { upload, parts, truncated } = granted(found, address);
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

import { must } from "../../base/assert.ts";
import { getUpload, uploadPart as storePart } from "../../object/upload/multipart.ts";
import { type Operation, granted, permit } from "../call.ts";
import { checksumHeaders, checksumName } from "../request/checksum-names.ts";
import type { ChecksumAlgorithm } from "../../format/checksum.ts";
import { S3Error } from "../errors.ts";
import { parsePartNumber, parseUploadAddress } from "../request/object-parameters.ts";
import { declaredChecksums, defaultChecksum, openUpload } from "../request/upload-body.ts";

export const uploadPart: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:PutObject", { bucket, key });
  const address = parseUploadAddress(call);
  const part = must(parsePartNumber(call), "the routing table asks for a part number");
  const { checksum } = granted(await getUpload(call.objects, address), address);
  checkAlgorithm(checksum?.algorithm, declaredChecksums(call).checksum?.algorithm);
  // All parts keep the checksum that the whole is to have, whatever they are sent with.
  const data = openUpload(call, checksum?.algorithm ?? defaultChecksum);
  const input = { ...address, part, data };
  const stored = granted(await storePart(call.objects, input), address);
  const shown = checksum === undefined ? data.sent() : stored.checksum;
  return {
    status: 200,
    headers: [["etag", `"${stored.etag}"`], ...checksumHeaders(shown, 0).slice(0, 1)],
  };
};

function checkAlgorithm(
  expected: ChecksumAlgorithm | undefined,
  sent: ChecksumAlgorithm | undefined,
): void {
  if (expected === undefined || sent === undefined || expected === sent) return;
  const message =
    `Checksum Type mismatch occurred, expected checksum Type: ${checksumName(expected).toLowerCase()}, ` +
    `actual checksum Type: ${checksumName(sent).toLowerCase()}`;
  throw new S3Error("InvalidRequest", { message });
}

import { must } from "../../base/assert.ts";
import type { ChecksumAlgorithm } from "../../format/checksum.ts";
import { copyPart, type CopyPartInput } from "../../object/copy.ts";
import { isRefusal } from "../../object/refusal.ts";
import {
  type OpenUpload,
  findUpload,
  uploadPart as storePart,
} from "../../object/upload/multipart.ts";
import type { HttpResponse } from "../../platform/http.ts";
import { granted, type Operation, permit, type Place, type S3Call, xmlResponse } from "../call.ts";
import { S3Error } from "../errors.ts";
import { checksumHeaders, checksumName, partChecksumElements } from "../request/checksums.ts";
import {
  openCopySource,
  parseCopyRange,
  partCopyHeaders,
  refusedCopy,
} from "../request/copy-source.ts";
import { parsePartNumber, parseUploadAddress } from "../request/object-parameters.ts";
import { declaredChecksums, defaultChecksum, openUpload } from "../request/body.ts";
import { formatIsoDate } from "../response/listing.ts";
import { etagElement, textElement, xmlDocument } from "../xml/xml-write.ts";

export const uploadPart: Operation = async (call) => {
  const { bucket, key } = call.target;
  const owned = await permit(call, "s3:PutObject", { bucket, key });
  const { address, place } = parseUploadAddress(call, owned);
  const part = must(parsePartNumber(call), "the routing table asks for a part number");
  const upload = granted(await findUpload(call.objects, address), place);
  const { checksum } = upload.row;
  checkAlgorithm(checksum?.algorithm, declaredChecksums(call).checksum?.algorithm);
  // All parts keep the checksum that the whole is to have, whatever they are sent with.
  const data = openUpload(call, checksum?.algorithm ?? defaultChecksum);
  const stored = granted(await storePart(call.objects, upload, { part, data }), place);
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

export const uploadPartCopy: Operation = async (call) => {
  const { bucket, key } = call.target;
  const source = await openCopySource(call);
  const owned = await permit(call, "s3:PutObject", { bucket, key });
  const { address, place } = parseUploadAddress(call, owned);
  const part = must(parsePartNumber(call), "the routing table asks for a part number");
  const range = parseCopyRange(call);
  const upload = granted(await findUpload(call.objects, address), place);
  const { signal } = call.request;
  return call.keepAlive(copy(call, place, upload, { part, source, range, signal }));
};

async function copy(
  call: S3Call,
  target: Place,
  upload: OpenUpload,
  input: CopyPartInput,
): Promise<HttpResponse> {
  const stored = await copyPart(call.objects, upload, input);
  if (isRefusal(stored)) throw refusedCopy(call, stored, { source: input.source, target });
  return xmlResponse(
    xmlDocument("CopyPartResult", [
      textElement("LastModified", formatIsoDate(stored.modifiedMs)),
      etagElement(stored.etag),
      ...(upload.row.checksum === undefined ? [] : partChecksumElements(stored.checksum)),
    ]),
    partCopyHeaders(stored, input.source),
  );
}

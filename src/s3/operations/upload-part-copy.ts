import { must } from "../../base/assert.ts";
import { type CopyPartInput, copyPart } from "../../object/copy.ts";
import { getUpload } from "../../object/upload/multipart.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { HttpResponse } from "../../platform/http.ts";
import { type Operation, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import { partChecksumElements } from "../request/checksum-names.ts";
import {
  openCopySource,
  parseCopyRange,
  partCopyHeaders,
  refusedCopy,
} from "../request/copy-source.ts";
import { formatIsoDate } from "../response/iso-date.ts";
import { parsePartNumber, parseUploadAddress } from "../request/object-parameters.ts";
import { etagElement, textElement, xmlDocument } from "../xml/xml-write.ts";

export const uploadPartCopy: Operation = async (call) => {
  const { bucket, key } = call.target;
  const source = await openCopySource(call);
  await permit(call, "s3:PutObject", { bucket, key });
  const address = parseUploadAddress(call);
  const part = must(parsePartNumber(call), "the routing table asks for a part number");
  const range = parseCopyRange(call);
  const { checksum } = granted(await getUpload(call.objects, address), address);
  const { signal } = call.request;
  const input = { ...address, part, source, range, signal };
  return call.keepAlive(copy(call, input, checksum !== undefined));
};

/** @param checksums whether the upload is one whose parts' checksums are shown. */
async function copy(call: S3Call, input: CopyPartInput, checksums: boolean): Promise<HttpResponse> {
  const stored = await copyPart(call.objects, input);
  if (isRefusal(stored))
    throw await refusedCopy(call, stored, { source: input.source, target: input });
  return xmlResponse(
    xmlDocument("CopyPartResult", [
      textElement("LastModified", formatIsoDate(stored.modifiedMs)),
      etagElement(stored.etag),
      ...(checksums ? partChecksumElements(stored.checksum) : []),
    ]),
    partCopyHeaders(stored, input.source),
  );
}

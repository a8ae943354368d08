import { must } from "../../base/assert.ts";
import { copyPart } from "../../object/copy.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, permit, permitSource, xmlResponse } from "../call.ts";
import { partChecksumElements } from "../checksum-names.ts";
import { parseCopyRange, parseCopySource, refusedCopy } from "../copy-source.ts";
import { formatIsoDate } from "../iso-date.ts";
import { parsePartNumber, parseUploadAddress } from "../object-parameters.ts";
import { etagElement, textElement, xmlDocument } from "../xml-write.ts";

export const uploadPartCopy: Operation = async (call) => {
  const { bucket, key } = call.target;
  const source = parseCopySource(call);
  await permitSource(call, source);
  await permit(call, "s3:PutObject", { bucket, key });
  const address = parseUploadAddress(call);
  const part = must(parsePartNumber(call), "the routing table asks for a part number");
  const range = parseCopyRange(call);
  const { signal } = call.request;
  const stored = await copyPart(call.objects, { ...address, part, source, range, signal });
  if (isRefusal(stored)) throw await refusedCopy(call, stored, { source, target: address });
  return xmlResponse(
    xmlDocument("CopyPartResult", [
      textElement("LastModified", formatIsoDate(stored.modifiedMs)),
      etagElement(stored.etag),
      ...partChecksumElements(stored.checksum),
    ]),
  );
};

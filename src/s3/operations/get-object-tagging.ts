import { isRefusal } from "../../object/refusal.ts";
import { getTags } from "../../object/write/tags.ts";
import { type Operation, xmlResponse } from "../call.ts";
import { openTagging, refusedTagging } from "../response/object-tagging.ts";
import { taggingDocument } from "../request/tagging.ts";
import { versionHeaders } from "../request/versions.ts";

export const getObjectTagging: Operation = async (call) => {
  const address = await openTagging(call, "s3:GetObjectTagging");
  const found = await getTags(call.objects, address);
  if (isRefusal(found)) throw refusedTagging(found, call);
  return xmlResponse(taggingDocument(found.tags), versionHeaders(found.versionId));
};

import type { Operation } from "../call.ts";
import { openTagging, replaceTags } from "../response/object-tagging.ts";

export const deleteObjectTagging: Operation = async (call) => {
  const address = await openTagging(call, "s3:DeleteObjectTagging");
  return { status: 204, headers: await replaceTags(call, { ...address, tags: [] }) };
};

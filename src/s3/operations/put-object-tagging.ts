import type { Operation } from "../call.ts";
import { openTagging, replaceTags } from "../response/object-tagging.ts";
import { parseTagging } from "../request/tagging.ts";
import { readBody } from "../request/upload-body.ts";

/**
 * @limit Ten tags of 128 and 256 characters, each of which may be written as a reference of ten.
 */
const taggingBytesMax = 64 * 1024;

export const putObjectTagging: Operation = async (call) => {
  const address = await openTagging(call, "s3:PutObjectTagging");
  const tags = parseTagging(await readBody(call, taggingBytesMax));
  return { status: 200, headers: await replaceTags(call, { ...address, tags }) };
};

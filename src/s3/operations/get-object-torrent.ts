import { decodeUtf8 } from "../../base/bytes.ts";
import { type Operation, permit } from "../call.ts";
import { S3Error } from "../errors.ts";

/** S3 has given up making torrents: there is none of any object. */
export const getObjectTorrent: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:GetObjectTorrent", { bucket, key });
  throw new S3Error("NoSuchKey", { details: { Key: decodeUtf8(key) } });
};

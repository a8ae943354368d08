import { abortUpload } from "../../object/multipart.ts";
import { type Operation, granted, permit } from "../call.ts";
import { parseUploadAddress } from "../object-parameters.ts";

export const abortMultipartUpload: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:AbortMultipartUpload", { bucket, key });
  granted(await abortUpload(call.objects, parseUploadAddress(call)), { bucket, key });
  return { status: 204, headers: [] };
};

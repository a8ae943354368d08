import { abortUpload } from "../../object/upload/multipart.ts";
import { type Operation, granted, permit } from "../call.ts";
import { parseUploadAddress } from "../request/object-parameters.ts";

export const abortMultipartUpload: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:AbortMultipartUpload", { bucket, key });
  const address = parseUploadAddress(call);
  granted(await abortUpload(call.objects, address), address);
  return { status: 204, headers: [] };
};

import { deleteBucket as deleteBucketRow } from "../../object/bucket/buckets.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, granted, permit, refused } from "../call.ts";

const versionsLeft =
  "The bucket you tried to delete is not empty. You must delete all versions in the bucket.";

export const deleteBucket: Operation = async (call) => {
  const { bucket } = call.target;
  const { versioning } = await permit(call, "s3:DeleteBucket", { bucket });
  const deleted = await deleteBucketRow(call.objects, bucket);
  if (isRefusal(deleted) && deleted.refusal === "bucketNotEmpty" && versioning !== "off") {
    throw refused({ ...deleted, message: versionsLeft }, { bucket });
  }
  granted(deleted, { bucket });
  return { status: 204, headers: [] };
};

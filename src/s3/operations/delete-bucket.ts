import { deleteBucket as deleteBucketRow } from "../../object/buckets.ts";
import { type Operation, granted, permit } from "../call.ts";

export const deleteBucket: Operation = async (call) => {
  const { bucket } = call.target;
  await permit(call, "s3:DeleteBucket", { bucket });
  granted(await deleteBucketRow(call.objects, bucket), { bucket });
  return { status: 204, headers: [] };
};

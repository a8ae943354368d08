import { type Operation, bucketArn, bucketRegionHeader, permit } from "../call.ts";

export const headBucket: Operation = async (call) => {
  const { bucket: name } = call.target;
  const bucket = await permit(call, "s3:ListBucket", { bucket: name });
  return {
    status: 200,
    headers: [
      ["content-type", "application/xml"],
      bucketRegionHeader(bucket),
      ["x-amz-bucket-arn", bucketArn(name)],
      ["x-amz-access-point-alias", "false"],
    ],
  };
};

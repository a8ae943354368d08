import { getBucket } from "../../object/buckets.ts";
import { type Operation, granted, permit, xmlResponse } from "../call.ts";
import { xmlTextDocument } from "../xml-write.ts";

export const getBucketLocation: Operation = async (call) => {
  const { bucket: name } = call.target;
  await permit(call, "s3:GetBucketLocation", { bucket: name });
  const { region } = granted(await getBucket(call.objects, name), { bucket: name });
  // S3's first region has no name here.
  return xmlResponse(xmlTextDocument("LocationConstraint", region === "us-east-1" ? "" : region));
};

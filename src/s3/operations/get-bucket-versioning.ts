import { getBucket } from "../../object/buckets.ts";
import { type Operation, granted, permit, xmlResponse } from "../call.ts";
import { xmlDocument } from "../xml-write.ts";

/** Versioning can't be turned on yet: S3 says so by an empty element. */
export const getBucketVersioning: Operation = async (call) => {
  const { bucket } = call.target;
  await permit(call, "s3:GetBucketVersioning", { bucket });
  granted(await getBucket(call.objects, bucket), { bucket });
  return xmlResponse(xmlDocument("VersioningConfiguration", []));
};

import { type Operation, permit, xmlResponse } from "../call.ts";
import { xmlDocument } from "../xml-write.ts";

/** Versioning can't be turned on yet: S3 says so by an empty element. */
export const getBucketVersioning: Operation = async (call) => {
  const { bucket } = call.target;
  await permit(call, "s3:GetBucketVersioning", { bucket });
  return xmlResponse(xmlDocument("VersioningConfiguration", []));
};

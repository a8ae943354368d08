import { type Operation, permit, xmlResponse } from "../call.ts";
import { textElement, xmlDocument } from "../xml/xml-write.ts";

/** Of a bucket that was never versioned, S3 says so by an empty element. */
const statusNames = { off: undefined, enabled: "Enabled", suspended: "Suspended" } as const;

export const getBucketVersioning: Operation = async (call) => {
  const { bucket } = call.target;
  const { versioning } = await permit(call, "s3:GetBucketVersioning", { bucket });
  const status = textElement("Status", statusNames[versioning]);
  return xmlResponse(xmlDocument("VersioningConfiguration", [status]));
};

import { setVersioning } from "../../object/bucket/buckets.ts";
import type { ConfigurationOperations } from "../bucket-configuration.ts";
import { granted, type Operation, permit, xmlResponse } from "../call.ts";
import { S3Error } from "../errors.ts";
import { readWholeBody } from "../request/body.ts";
import { childText, parseXml, type XmlNode } from "../xml/xml-read.ts";
import { textElement, xmlDocument } from "../xml/xml-write.ts";

/**
 * S3's names of the states. A bucket that was never versioned is answered with an empty element.
 */
const statusNames = { off: undefined, enabled: "Enabled", suspended: "Suspended" } as const;

const getBucketVersioning: Operation = async (call) => {
  const { bucket } = call.target;
  const { versioning } = await permit(call, "s3:GetBucketVersioning", { bucket });
  const status = textElement("Status", statusNames[versioning]);
  return xmlResponse(xmlDocument("VersioningConfiguration", [status]));
};

/** @limit The document has two short elements. */
const configurationBytesMax = 4 * 1024;

const putBucketVersioning: Operation = async (call) => {
  const { bucket } = call.target;
  await permit(call, "s3:PutBucketVersioning", { bucket });
  const body = await readWholeBody(call, configurationBytesMax);
  const root = parseXml(body, "VersioningConfiguration");
  const versioning = parseStatus(root);
  refuseMfa(root);
  granted(await setVersioning(call.objects, bucket, versioning), { bucket });
  return { status: 200, headers: [] };
};

export const bucketVersioning: ConfigurationOperations = {
  read: getBucketVersioning,
  write: putBucketVersioning,
};

function parseStatus(root: XmlNode): "enabled" | "suspended" {
  switch (childText(root, "Status")?.trim()) {
    case "Enabled":
      return "enabled";
    case "Suspended":
      return "suspended";
    case undefined:
      throw new S3Error("IllegalVersioningConfigurationException");
    default:
      throw new S3Error("MalformedXML");
  }
}

/** Nobody has a second factor here, so S3's answer to those who lack it is right for all. */
function refuseMfa(root: XmlNode): void {
  const mfaDelete = childText(root, "MfaDelete")?.trim() ?? "Disabled";
  if (mfaDelete === "Disabled") return;
  if (mfaDelete !== "Enabled") throw new S3Error("MalformedXML");
  const message = "Mfa Authentication must be used for this request";
  throw new S3Error("AccessDenied", { message });
}

import {
  createBucket as createBucketRow,
  deleteBucket as deleteBucketRow,
} from "../../object/bucket/buckets.ts";
import { isRefusal } from "../../object/refusal.ts";
import {
  bucketArn,
  bucketRegionHeader,
  granted,
  type Operation,
  permit,
  permitOwn,
  refused,
  type S3Call,
  xmlResponse,
} from "../call.ts";
import { S3Error } from "../errors.ts";
import { firstRegion, isRegion } from "../request/regions.ts";
import { readWholeBody } from "../request/body.ts";
import { childText, parseXml, type XmlNode } from "../xml/xml-read.ts";
import { xmlTextDocument } from "../xml/xml-write.ts";

/** @limit A configuration with its fifty tags takes 20 KiB. */
const configurationBytesMax = 64 * 1024;
export const createBucket: Operation = async (call) => {
  const { bucket } = call.target;
  await permitOwn(call, "s3:CreateBucket", { bucket });
  const body = await readWholeBody(call, configurationBytesMax);
  const wanted = body.length === 0 ? undefined : parseConfiguration(body);
  checkLocation(wanted, call.region);
  const { owner, account } = call.verified.principal;
  const input = { name: bucket, owner, account, region: call.region };
  const created = await createBucketRow(call.objects, input);
  if (isRefusal(created) && !isRepeat(created.refusal, call)) throw refused(created, { bucket });
  return {
    status: 200,
    headers: [
      ["location", `/${bucket}`],
      ["x-amz-bucket-arn", bucketArn(bucket)],
    ],
  };
};

/** True in S3's first region, where making one's own bucket again is no error. */
function isRepeat(refusal: string, call: S3Call): boolean {
  return refusal === "bucketOwnedByYou" && call.region === firstRegion;
}

/** The wanted region; undefined where none is named. */
function parseConfiguration(body: Uint8Array): string | undefined {
  const root = parseXml(body, "CreateBucketConfiguration");
  for (const name of ["Tags", "Bucket", "Location"]) refuseElement(root, name);
  const location = childText(root, "LocationConstraint")?.trim();
  return location === "" ? undefined : location;
}

function refuseElement(root: XmlNode, name: string): void {
  if (!root.children.some((child) => child.name === name)) return;
  const message = `CreateBucketConfiguration with ${name} is not implemented by this store.`;
  throw new S3Error("NotImplemented", { message });
}

/**
 * S3's first region refuses to be named, but its own older clients do (aws-sdk-js 2), so here it is
 * taken. Only the first region answers that a name is no region.
 */
function checkLocation(wanted: string | undefined, region: string): void {
  const location = wanted === "EU" ? "eu-west-1" : wanted;
  if ((location ?? firstRegion) === region) return;
  if (wanted !== undefined && region === firstRegion && !isRegion(location ?? "", region)) {
    throw new S3Error("InvalidLocationConstraint", { details: { LocationConstraint: wanted } });
  }
  const message =
    `The ${wanted ?? "unspecified"} location constraint is incompatible for the region specific ` +
    "endpoint this request was sent to.";
  throw new S3Error("IllegalLocationConstraintException", { message });
}

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

export const getBucketLocation: Operation = async (call) => {
  const { bucket: name } = call.target;
  const { region } = await permit(call, "s3:GetBucketLocation", { bucket: name });
  // S3's first region has no name here.
  return xmlResponse(xmlTextDocument("LocationConstraint", region === firstRegion ? "" : region));
};

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

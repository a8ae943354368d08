import { type Bucket, listBuckets as listBucketRows } from "../../object/bucket/buckets.ts";
import { type Operation, type S3Call, bucketArn, permitOwn, xmlResponse } from "../call.ts";
import {
  decodeNameToken,
  encodeNameToken,
  formatIsoDate,
  ownerElement,
} from "../response/listing.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { isRegion } from "../request/regions.ts";
import { type Xml, element, textElement, xmlDocument } from "../xml/xml-write.ts";

/** @limit S3: buckets on a page, and on the only one where no page was asked for. */
const bucketsMax = 10_000;

const pageParameters = ["max-buckets", "continuation-token", "prefix", "bucket-region"];

export const listBuckets: Operation = async (call) => {
  await permitOwn(call, "s3:ListAllMyBuckets", { bucket: "" });
  const { query } = call.target;
  const { owner, account, root } = call.verified.principal;
  const region = query.get("bucket-region");
  if (region !== undefined && !isRegion(region, call.region)) {
    const message = `Argument value ${region} is not a valid AWS Region`;
    throw new S3Error("InvalidArgument", { message, details: { ArgumentName: "bucket-region" } });
  }
  const prefix = query.get("prefix");
  // S3 says more of each to clients that know its newer parameters.
  const paginated = pageParameters.some((name) => query.has(name));
  const limit = parseMaxBuckets(call);
  const token = query.get("continuation-token");
  const after = token === "" ? undefined : decodeNameToken(token);
  const { buckets, more } = await listBucketRows(call.objects, {
    // S3 shows an account its own; root sees all.
    account: root ? undefined : account,
    region,
    prefix,
    after,
    limit,
  });
  const last = buckets.at(-1);
  const next = more && last !== undefined ? encodeNameToken(last.name) : undefined;
  return xmlResponse(
    xmlDocument("ListAllMyBucketsResult", [
      ownerElement("Owner", owner),
      element(
        "Buckets",
        buckets.map((bucket) => bucketElement(bucket, paginated)),
      ),
      textElement("ContinuationToken", next),
      textElement("Prefix", prefix),
    ]),
  );
};

function bucketElement(bucket: Bucket, paginated: boolean): Xml {
  return element("Bucket", [
    textElement("Name", bucket.name),
    textElement("CreationDate", formatIsoDate(bucket.createdMs)),
    ...(paginated
      ? [
          textElement("BucketRegion", bucket.region),
          textElement("BucketArn", bucketArn(bucket.name)),
        ]
      : []),
  ]);
}

function parseMaxBuckets(call: S3Call): number {
  const text = call.target.query.get("max-buckets");
  if (text === undefined) return bucketsMax;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= bucketsMax) return value;
  const message = `Argument max-buckets must be an integer between 1 and ${bucketsMax}`;
  throw invalidArgument("max-buckets", text, message);
}

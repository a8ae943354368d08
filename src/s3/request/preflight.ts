import { getBucket } from "../../object/bucket/buckets.ts";
import type { ObjectStore } from "../../object/object-store.ts";
import { isRefusal } from "../../object/refusal.ts";
import { isBucketName } from "./bucket-name.ts";
import { S3Error } from "../errors.ts";
import type { Headers } from "../../platform/request-head.ts";
import type { RequestTarget } from "./request-target.ts";

/**
 * What a browser asks before it lets a page send a request. No bucket can allow any yet, so it is always a refusal. Browsers
 * sign no such question, and the query of a presigned URL signs the request that is to follow: nobody is asked who he is.
 */
export async function refusePreflight(
  objects: ObjectStore,
  { bucket }: RequestTarget,
  headers: Headers,
): Promise<never> {
  if (!headers.has("origin")) {
    const message = "Insufficient information. Origin request header needed.";
    throw new S3Error("BadRequest", { message });
  }
  const isThere = isBucketName(bucket) && !isRefusal(await getBucket(objects, bucket));
  const why = isThere ? "CORS is not enabled for this bucket." : "Bucket not found";
  const method = headers.get("access-control-request-method") ?? "OPTIONS";
  throw new S3Error("AccessForbidden", {
    message: `CORSResponse: ${why}`,
    details: { Method: method, ResourceType: "BUCKET" },
  });
}

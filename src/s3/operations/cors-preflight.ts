import type { Operation } from "../call.ts";
import { S3Error } from "../errors.ts";

/**
 * The answer to a browser that asks before it lets a page send a request. No bucket can allow any
 * yet, so it is always a refusal. Browsers sign no such question, and the query of a presigned URL
 * signs the request that is to follow: nobody is asked who he is.
 */
export const corsPreflight: Operation = ({ headers, bucket }) => {
  if (!headers.has("origin")) {
    const message = "Insufficient information. Origin request header needed.";
    throw new S3Error("BadRequest", { message });
  }
  const why = bucket === undefined ? "Bucket not found" : "CORS is not enabled for this bucket.";
  const method = headers.get("access-control-request-method") ?? "OPTIONS";
  throw new S3Error("AccessForbidden", {
    message: `CORSResponse: ${why}`,
    details: { Method: method, ResourceType: "BUCKET" },
  });
};

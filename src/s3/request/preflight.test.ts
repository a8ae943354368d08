import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import { createTestS3, elementOf, errorOf } from "../testing/test-s3.ts";

// Recorded from AWS: LocalStack's test_s3_cors.snapshot.json, test_cors_http_options_no_config and
// test_cors_http_options_non_existent_bucket.

test("preflight: no bucket allows other origins yet, and the question is about an origin", async () => {
  const s3 = await createTestS3(createHash());
  await s3.send({ method: "PUT", target: "/bucket" });
  const ask = (target: string, headers: HeaderList, signature: "none" | "presigned" = "none") =>
    s3.send({ method: "OPTIONS", target, headers, signature });
  const lacking = await ask("/bucket/k", []);
  assert.equal(lacking.status, 400);
  assert.equal(
    errorOf(lacking),
    "BadRequest: Insufficient information. Origin request header needed.",
  );
  const origin = ["origin", "http://page.test"] as const;
  const put = ["access-control-request-method", "PUT"] as const;
  for (const [target, headers, method, why] of [
    ["/bucket/k", [origin, put], "PUT", "CORS is not enabled for this bucket."],
    ["/bucket", [origin], "OPTIONS", "CORS is not enabled for this bucket."],
    ["/none/k", [origin], "OPTIONS", "Bucket not found"],
    ["/", [origin], "OPTIONS", "Bucket not found"],
  ] as const) {
    const answer = await ask(target, headers);
    assert.equal(answer.status, 403);
    assert.equal(errorOf(answer), `AccessForbidden: CORSResponse: ${why}`);
    assert.equal(elementOf(answer.text, "Method"), method);
    assert.equal(elementOf(answer.text, "ResourceType"), "BUCKET");
    assert.equal(answer.headers.has("access-control-allow-origin"), false);
  }
  // A name that no bucket can have is refused as everywhere.
  assert.match(errorOf(await ask("/No_Name/k", [origin, put])), /^InvalidBucketName/);
  // The query of a presigned URL signs the request that is to follow.
  const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00";
  const presigned = await ask(`/bucket/k?${query}`, [origin, put]);
  assert.match(errorOf(presigned), /^AccessForbidden/);
});

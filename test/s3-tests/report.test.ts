import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReport } from "./pytest.ts";
import { summarize } from "./report.ts";
import { deviations, outOfScopeReason } from "./scope.ts";

const deviating = "test_multipart_upload_empty";

test("s3-tests: a report's failures, errors, skips and passes, each test once", () => {
  const report = `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest">
    <testcase classname="a" name="test_one" time="0.1" />
    <testcase classname="a" name="test_two"><failure message="assert 1 == 2&#10;more">trace</failure></testcase>
    <testcase classname="a" name="test_two"><error message="clean-up">trace</error></testcase>
    <testcase classname="a" name="test_three"><skipped type="pytest.skip" message="not set" /></testcase>
  </testsuite></testsuites>`;
  assert.deepEqual(parseReport(report), [
    { name: "test_one", outcome: "passed", why: "" },
    { name: "test_two", outcome: "failed", why: "assert 1 == 2" },
    { name: "test_three", outcome: "skipped", why: "not set" },
  ]);
});

test("s3-tests: an expected deviation is no failure, and one that passes is said", () => {
  const failing = { name: deviating, outcome: "failed", why: "x" } as const;
  const { lines, failed } = summarize([failing, { ...failing, name: "test_other" }], ["CORS"]);
  assert.equal(failed, 1);
  assert.equal(lines.at(-1), "0 passed, 1 failed, 2 skipped");
  assert.ok(lines.includes("   1 not built: CORS"));
  const passing = summarize([{ ...failing, outcome: "passed" }], []);
  assert.match(passing.lines[0] ?? "", /^PASSED .* where a deviation is expected$/);
});

test("s3-tests: what is not built is left out, and nothing that is", () => {
  for (const [name, reason] of [
    ["test_object_lock_put_obj_lock", "object lock"],
    ["test_bucketv2_policy", "policies and public access blocks"],
    ["test_object_raw_get_bucket_gone", "access control lists"],
    ["test_sse_kms_present", "server-side encryption"],
    ["test_copy_enc[sse-c-sse-s3-STANDARD-1]", "server-side encryption"],
  ] as const) {
    assert.equal(outOfScopeReason(name), reason, name);
  }
  const built = [
    "test_post_object_missing_policy_condition",
    "test_bucket_list_objects_anonymous_fail",
  ];
  for (const name of [...built, "test_object_raw_put", ...Object.keys(deviations)]) {
    assert.equal(outOfScopeReason(name), undefined, name);
  }
});

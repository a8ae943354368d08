// What of the public S3 test suite ceph/s3-tests is not for us, and why. Its tests are named,
// nothing of it is copied. Tests that it marks as failing on AWS (fails_on_aws) or on its own
// server (fails_on_rgw) are left out before this.

/**
 * Whole groups of tests, by what their names say, and single ones: they touch operations that are
 * not built.
 */
const outOfScope: readonly (readonly [reason: string, pattern: RegExp])[] = [
  // Reads of buckets without a lock are built.
  ["object lock", /^test_object_lock_(?!get_\w+_invalid_bucket$)/],
  ["lifecycle", /lifecycle|^test_delete_marker_expiration$/],
  ["server-side encryption", /_sse_|encrypt|_obj_enc_|^test_copy_(part_)?enc$/],
  ["bucket logging", /bucket_logging/],
  [
    "policies and public access blocks",
    /^test_bucket(v2)?_policy|policy_status$|public_(put|object|policy|block|restrict|acls)|_(acl|obj)_public$|^test_set_get_del_bucket_policy|_on_a_bucket_with_policy|404_with_policy/,
  ],
  ["CORS", /cors/],
  ["object ownership", /ownership|^test_create_bucket_(bucket_owner|object_writer)/],
  ["access control lists", /^(?!test_object_presigned_put_).*_acl(_|$)|^test_access_bucket_/],
  // These read what an access control list made public, or wait for one to allow it.
  ["access control lists", /^test_object_raw_(get|authenticated)|_bucket_gone$/],
  [
    "access control lists",
    /^test_bucket_list(v2)?_objects_anonymous$|^test_object_anon_put_write_access$/,
  ],
  ["access control lists", /^test_bucket_list_return_data|^test_bucket_create_special_key_names$/],
  [
    "access control lists",
    /^test_(expected_bucket_owner|100_continue|list_multipart_upload_owner|object_copy_not_owned_object_bucket)$/,
  ],
  [
    "access control lists",
    /^test_post_object_(anonymous_request|tags_anonymous_request|set_success_code|set_invalid_success_code|success_redirect_action|authenticated_no_content_type|authenticated_request_bad_access_key)$/,
  ],
];

/** Why a test is not for us, with whatever parameters in brackets; undefined: it is. */
export function outOfScopeReason(test: string): string | undefined {
  const name = test.replace(/\[.*$/, "");
  return outOfScope.find(([, pattern]) => pattern.test(name))?.[0];
}

export interface Deviation {
  readonly suite: string;
  readonly ours: string;
  readonly source: string;
}

const conditions: Deviation = {
  suite: "a PUT takes If-None-Match with an ETag, and If-Match: *",
  ours: "501 NotImplemented, as AWS",
  source: "answers recorded from AWS: preconditions of PUT and of Complete",
};
const partNumber: Deviation = {
  suite: "a part number that is not there is 400 InvalidPart",
  ours: "416 InvalidPartNumber, as AWS",
  source: "answer recorded from AWS: GetObject of a part that does not exist",
};
const malformedChecksum: Deviation = {
  suite: "a checksum header that is no checksum is BadDigest",
  ours: "InvalidRequest: Value for x-amz-checksum-… header is invalid., as AWS",
  source: "answer recorded from AWS: PutObject with a checksum that is no base64",
};
const compositeAttribute: Deviation = {
  suite: "GetObjectAttributes shows a composite checksum with its -N",
  ours: "without it, as AWS; GET, HEAD and Complete show it",
  source: "answer recorded from AWS: GetObjectAttributes of an object of parts",
};

const fullObjectPart: Deviation = {
  suite: "a part that is read of an object whose checksum is of the whole shows that part's",
  ours: "none, as AWS",
  source: "answer recorded from AWS: GetObject of part 3 of a full-object CRC32 upload",
};
const fullObjectParts: Deviation = {
  suite: "GetObjectAttributes lists the parts of an object whose checksum is of the whole",
  ours: "how many there are and no more, as AWS",
  source: "answer recorded from AWS: GetObjectAttributes of a full-object upload",
};

/** Tests where an answer recorded from AWS says otherwise than the suite; AWS wins. */
export const deviations: Readonly<Record<string, Deviation>> = {
  test_bucket_listv2_continuationtoken_empty: {
    suite: "an empty continuation token is as if there were none",
    ours: "400 InvalidArgument, as AWS",
    source: "answer recorded from AWS: ListObjectsV2 with an empty token",
  },
  test_multipart_upload_empty: {
    suite: "Complete without a body is MalformedXML",
    ours: "InvalidRequest: You must specify at least one part, as AWS",
    source: "answer recorded from AWS: the very same call",
  },
  test_multipart_copy_invalid_range: {
    suite: "a range that the source has only in part is InvalidRange",
    ours: "400 InvalidArgument, as AWS",
    source: "answer recorded from AWS: UploadPartCopy of bytes=0-100 of ten bytes",
  },
  test_get_multipart_checksum_object_attributes: {
    suite: "Complete needs no checksums of the parts of a composite upload",
    ours: "400 InvalidRequest that names the part, as AWS",
    source: "answer recorded from AWS: Complete of a SHA-256 upload without them",
  },
  test_object_content_encoding_aws_chunked: {
    suite: "aws-chunked is taken out of Content-Encoding whatever the body is",
    ours: "only where the body came in such chunks, as AWS",
    source:
      "Swift's test_input_errors.py, run against AWS: a body that is not chunked, but named so",
  },
  test_bucket_listv2_both_continuationtoken_startafter: {
    suite: "StartAfter is repeated with a token",
    ours: "it is not, as AWS",
    source: "answer recorded from AWS: ListObjectsV2 with a token and start-after",
  },
  test_put_excess_tags: {
    suite: "more than ten tags are InvalidTag",
    ours: "BadRequest, as AWS",
    source: "error of AWS that versity/versitygw follows: Object tags cannot be greater than 10",
  },
  test_multipart_use_cksum_helper_crc64nvme: fullObjectPart,
  test_multipart_use_cksum_helper_crc32: fullObjectPart,
  test_multipart_use_cksum_helper_crc32c: fullObjectPart,
  test_get_multipart_object_attributes: fullObjectParts,
  test_get_paginated_multipart_object_attributes: fullObjectParts,
  test_get_single_multipart_object_attributes: fullObjectParts,
  test_multipart_get_part: partNumber,
  test_multipart_single_get_part: partNumber,
  test_non_multipart_get_part: partNumber,
  test_object_checksum_sha256: malformedChecksum,
  test_object_checksum_crc64nvme: malformedChecksum,
  test_multipart_use_cksum_helper_sha256: compositeAttribute,
  test_multipart_use_cksum_helper_sha1: compositeAttribute,
  test_put_object_if_match: conditions,
  test_multipart_put_object_if_match: conditions,
  test_put_current_object_if_none_match: conditions,
  test_multipart_put_current_object_if_none_match: conditions,
  test_put_current_object_if_match: conditions,
  test_multipart_put_current_object_if_match: conditions,
  test_put_object_current_if_match: conditions,
};

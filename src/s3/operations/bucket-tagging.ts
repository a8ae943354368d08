import {
  type BucketConfiguration,
  type ConfigurationOperations,
  readOf,
  removalOf,
  writeOf,
} from "../bucket-configuration.ts";
import { parseBucketTagging, taggingDocument } from "../request/tagging.ts";

// GetBucketTagging, PutBucketTagging and DeleteBucketTagging. The tags of a bucket have no effect
// here but to be read again.

const tagging: BucketConfiguration = {
  name: "tagging",
  /**
   * @limit Fifty tags of 128 and 256 characters, of three bytes at the most, and their elements.
   */
  bytesMax: 64 * 1024,
  unset: "NoSuchTagSet",
  accept(body) {
    const tags = parseBucketTagging(body);
    return tags.length === 0 ? undefined : taggingDocument(tags);
  },
};

/** The tags of a bucket. To delete them, S3 asks for the permission to write them. */
export const bucketTagging: ConfigurationOperations = {
  read: readOf(tagging, "s3:GetBucketTagging"),
  write: writeOf(tagging, "s3:PutBucketTagging", 204),
  remove: removalOf(tagging, "s3:PutBucketTagging"),
};

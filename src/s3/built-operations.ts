import type { Operation } from "./call.ts";
import type { OperationName } from "./operations.ts";
import {
  abortMultipartUpload,
  createMultipartUpload,
  listParts,
} from "./operations/multipart-upload.ts";
import { bucketTagging } from "./operations/bucket-tagging.ts";
import { completeMultipartUpload } from "./operations/complete-multipart-upload.ts";
import { copyObject } from "./operations/copy-object.ts";
import { createBucket, deleteBucket, getBucketLocation, headBucket } from "./operations/bucket.ts";
import {
  deleteObjectTagging,
  getObjectTagging,
  putObjectTagging,
} from "./operations/object-tagging.ts";
import { deleteObject, deleteObjects } from "./operations/delete-object.ts";
import { getBucketVersioning, putBucketVersioning } from "./operations/bucket-versioning.ts";
import { getObjectAttributes } from "./operations/get-object-attributes.ts";
import { getObject, getObjectTorrent, headObject } from "./operations/get-object.ts";
import { listBuckets } from "./operations/list-buckets.ts";
import { listMultipartUploads } from "./operations/list-multipart-uploads.ts";
import { listObjectVersions } from "./operations/list-object-versions.ts";
import { listObjects, listObjectsV2 } from "./operations/list-objects.ts";
import { postObject } from "./operations/post-object.ts";
import { putObject } from "./operations/put-object.ts";
import { readUnsetConfigurations } from "./operations/read-unset-configuration.ts";
import { uploadPart, uploadPartCopy } from "./operations/upload-part.ts";

/**
 * The function that carries out each operation; an operation without one answers NotImplemented.
 */
export const builtOperations: Readonly<Partial<Record<OperationName, Operation>>> = {
  ...readUnsetConfigurations,
  ...bucketTagging,
  AbortMultipartUpload: abortMultipartUpload,
  CompleteMultipartUpload: completeMultipartUpload,
  CopyObject: copyObject,
  CreateBucket: createBucket,
  CreateMultipartUpload: createMultipartUpload,
  DeleteBucket: deleteBucket,
  DeleteObject: deleteObject,
  DeleteObjectTagging: deleteObjectTagging,
  DeleteObjects: deleteObjects,
  GetBucketLocation: getBucketLocation,
  GetBucketVersioning: getBucketVersioning,
  GetObject: getObject,
  GetObjectAttributes: getObjectAttributes,
  GetObjectTagging: getObjectTagging,
  GetObjectTorrent: getObjectTorrent,
  HeadBucket: headBucket,
  HeadObject: headObject,
  ListBuckets: listBuckets,
  ListMultipartUploads: listMultipartUploads,
  ListObjectVersions: listObjectVersions,
  ListObjects: listObjects,
  ListObjectsV2: listObjectsV2,
  ListParts: listParts,
  PostObject: postObject,
  PutBucketVersioning: putBucketVersioning,
  PutObject: putObject,
  PutObjectTagging: putObjectTagging,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
};

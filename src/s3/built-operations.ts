import type { Operation } from "./call.ts";
import type { OperationName } from "./operations.ts";
import { abortMultipartUpload } from "./operations/abort-multipart-upload.ts";
import { completeMultipartUpload } from "./operations/complete-multipart-upload.ts";
import { copyObject } from "./operations/copy-object.ts";
import { createBucket } from "./operations/create-bucket.ts";
import { createMultipartUpload } from "./operations/create-multipart-upload.ts";
import { deleteBucket } from "./operations/delete-bucket.ts";
import { deleteObjectTagging } from "./operations/delete-object-tagging.ts";
import { deleteObject } from "./operations/delete-object.ts";
import { deleteObjects } from "./operations/delete-objects.ts";
import { getBucketLocation } from "./operations/get-bucket-location.ts";
import { getBucketVersioning } from "./operations/get-bucket-versioning.ts";
import { getObjectAttributes } from "./operations/get-object-attributes.ts";
import { getObjectTagging } from "./operations/get-object-tagging.ts";
import { getObjectTorrent } from "./operations/get-object-torrent.ts";
import { getObject } from "./operations/get-object.ts";
import { headBucket } from "./operations/head-bucket.ts";
import { headObject } from "./operations/head-object.ts";
import { listBuckets } from "./operations/list-buckets.ts";
import { listMultipartUploads } from "./operations/list-multipart-uploads.ts";
import { listObjectVersions } from "./operations/list-object-versions.ts";
import { listObjectsV2 } from "./operations/list-objects-v2.ts";
import { listObjects } from "./operations/list-objects.ts";
import { listParts } from "./operations/list-parts.ts";
import { postObject } from "./operations/post-object.ts";
import { putBucketVersioning } from "./operations/put-bucket-versioning.ts";
import { putObjectTagging } from "./operations/put-object-tagging.ts";
import { putObject } from "./operations/put-object.ts";
import { readUnsetConfigurations } from "./operations/read-unset-configuration.ts";
import { uploadPartCopy } from "./operations/upload-part-copy.ts";
import { uploadPart } from "./operations/upload-part.ts";

/** What carries out each operation; those that are missing answer NotImplemented. */
export const builtOperations: Readonly<Partial<Record<OperationName, Operation>>> = {
  ...readUnsetConfigurations,
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

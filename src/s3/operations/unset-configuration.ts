import { describeObject } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, permit, xmlResponse } from "../call.ts";
import { S3Error, type S3ErrorCode } from "../errors.ts";
import {
  parseVersion,
  refusedVersion,
  versionAction,
  versionHeaders,
} from "../request/object-parameters.ts";
import {
  type Xml,
  element,
  granteeElement,
  plainElement,
  textElement,
  xmlDocument,
} from "../xml/xml-write.ts";

// Reads of configurations that no bucket here can have, since the operations that set them are not
// built; the table of operations says which. What S3 says of a bucket just made is the truth then:
// an error that there is none, or a document that says what holds by itself. Tools that look at
// all there is of a bucket (Terraform, mc, inventories) go on after either, and stop at
// NotImplemented.

/** Reads what no bucket here has; a sender who may not read it is refused first. */
export function unset(action: string, code: S3ErrorCode): Operation {
  return readOfBucket(action, (_, bucket) => {
    const details = code === "NoSuchConfiguration" ? {} : { BucketName: bucket };
    throw new S3Error(code, { details });
  });
}

/** Reads a configuration that says the same of every bucket. */
export function defaultDocument(action: string, root: string, content: readonly Xml[]): Operation {
  return readOfBucket(action, () => xmlDocument(root, content));
}

/** Lists the configurations of a kind of which a bucket may have several. */
export function emptyList(action: string, root: string): Operation {
  return defaultDocument(action, root, [textElement("IsTruncated", false)]);
}

export const bucketOwnersAccess = readOfBucket("GetBucketAcl", ownersAccess);

export const objectOwnersAccess = readOfObject("s3:GetObjectAcl", ownersAccess);

export function objectWithoutLock(action: string): Operation {
  return readOfObject(action, () => {
    const message = "Bucket is missing Object Lock Configuration";
    throw new S3Error("InvalidRequest", { message });
  });
}

function readOfBucket(
  action: string,
  answer: (owner: string, bucket: string) => Uint8Array,
): Operation {
  return async (call) => {
    const { bucket } = call.target;
    const { owner } = await permit(call, `s3:${action}`, { bucket });
    return xmlResponse(answer(owner, bucket));
  };
}

/** The object has to be there all the same. */
function readOfObject(action: string, answer: (owner: string) => Uint8Array): Operation {
  return async (call) => {
    const { bucket, key } = call.target;
    const found = await permit(call, versionAction(action, call), { bucket, key });
    const version = parseVersion(call, found);
    const object = await describeObject(call.objects, { bucket: found, key, version });
    if (isRefusal(object)) throw refusedVersion(object, call);
    const { row, versionId } = object;
    return xmlResponse(answer(row.attributes.owner), versionHeaders(versionId));
  };
}

/** Nothing can be made public. */
export function allBlocked(): readonly Xml[] {
  const names = [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
  ];
  return names.map((name) => textElement(name, true));
}

export function ownerEnforced(): readonly Xml[] {
  return [element("Rule", [plainElement("ObjectOwnership", "BucketOwnerEnforced")])];
}

/** An access control list as all are where lists are not in use: the owner may do everything. */
function ownersAccess(owner: string): Uint8Array {
  const id = textElement("ID", owner);
  return xmlDocument("AccessControlPolicy", [
    element("Owner", [id]),
    element("AccessControlList", [
      element("Grant", [granteeElement(id), plainElement("Permission", "FULL_CONTROL")]),
    ]),
  ]);
}

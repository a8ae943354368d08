import { encodeUtf8 } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import { Limiter } from "../../base/limiter.ts";
import type { WriteCondition } from "../../object/conditions.ts";
import { type Deleted, deleteObject } from "../../object/write/delete.ts";
import { type Operation, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import { bareEtag } from "../request/condition-headers.ts";
import { S3Error } from "../errors.ts";
import { toS3Error } from "../error-response.ts";
import { checkKey } from "../request/request-target.ts";
import { declaredChecksums, withBody } from "../request/upload-body.ts";
import { knownVersion } from "../request/versions.ts";
import { type XmlNode, childText, childrenOf, parseLargeXml } from "../xml/xml-read.ts";
import { type Xml, element, textElement, xmlDocument } from "../xml/xml-write.ts";

/** S3: keys in one request. */
const keysMax = 1000;
/** 1,000 keys of 1,024 bytes, some of them escaped. */
const listBytesMax = 2 * 1024 * 1024;
/** Deletions on their way at once: enough to share the index's syncs, few next to what others send. */
const inFlightMax = 32;
const anyKey = encodeUtf8("*");

/** Who may delete what is asked key by key; the list is read for those alone who may delete something. */
export const deleteObjects: Operation = async (call) => {
  const { bucket } = call.target;
  await permit(call, "s3:DeleteObject", { bucket, key: anyKey });
  requireDigest(call);
  const { wanted, quiet } = await withBody(call, listBytesMax, (body) => parseDelete(call, body));
  const limiter = new Limiter({ unitsMax: inFlightMax, waitersMax: keysMax, what: "deletions" });
  const results = await Promise.all(
    wanted.map((node) => limiter.run(1, () => deleteOne(call, node, quiet))),
  );
  return xmlResponse(xmlDocument("DeleteResult", results.flat()));
};

interface DeleteList {
  readonly wanted: readonly XmlNode[];
  readonly quiet: boolean;
}

async function parseDelete(call: S3Call, body: Uint8Array): Promise<DeleteList> {
  const wanted: XmlNode[] = [];
  const quiet: string[] = [];
  for await (const some of parseLargeXml(body, "Delete", call.objects.platform.loop)) {
    wanted.push(...childrenOf(some, "Object"));
    quiet.push(...childrenOf(some, "Quiet").map(({ text }) => text.trim()));
    if (wanted.length > keysMax || quiet.length > 1) throw new S3Error("MalformedXML");
  }
  if (wanted.length === 0) throw new S3Error("MalformedXML");
  const keys = wanted.map((node) => childText(node, "Key"));
  if (keys.some((key) => key === undefined || key === "")) throw new S3Error("MalformedXML");
  return { wanted, quiet: quiet[0] === "true" };
}

/** A list that was damaged on its way would delete other objects. */
function requireDigest(call: S3Call): void {
  const { md5, checksum } = declaredChecksums(call);
  if (md5 !== undefined || (checksum !== undefined && checksum.kind !== "algorithm")) return;
  throw new S3Error("InvalidRequest", {
    message: "Missing required header for this request: Content-MD5",
  });
}

/** Each key succeeds or fails on its own. */
async function deleteOne(call: S3Call, node: XmlNode, quiet: boolean): Promise<readonly Xml[]> {
  const { bucket } = call.target;
  const name = childText(node, "Key") ?? "";
  const version = childText(node, "VersionId");
  const subject = [textElement("Key", name), textElement("VersionId", version)];
  try {
    const deleted = await deleteNamed(call, encodeUtf8(name), node);
    return quiet ? [] : [element("Deleted", [...subject, ...markerElements(deleted)])];
  } catch (thrown) {
    const error = toS3Error(thrown);
    if (error !== thrown) {
      call.objects.platform.log("error", "s3_delete_failed", { bucket, error: messageOf(thrown) });
    }
    return [
      element("Error", [
        ...subject,
        textElement("Code", error.code),
        textElement("Message", error.message),
      ]),
    ];
  }
}

async function deleteNamed(call: S3Call, key: Uint8Array, node: XmlNode): Promise<Deleted> {
  const { bucket } = call.target;
  checkKey(key);
  const versionId = childText(node, "VersionId");
  const action = versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  const found = await permit(call, action, { bucket, key });
  const version = versionId === undefined ? undefined : knownVersion(found, versionId);
  // Among many keys, S3 does not tell an id that can't be one from one that is not there.
  if (versionId !== undefined && version === undefined) throw new S3Error("NoSuchVersion");
  const condition = parseCondition(node);
  const deleted = await deleteObject(call.objects, { bucket, key, version, condition });
  return granted(deleted, { bucket, key });
}

/** The delete marker that was made, or that was the version named. */
function markerElements({ deleteMarker, versionId }: Deleted): readonly Xml[] {
  if (!deleteMarker) return [];
  return [textElement("DeleteMarker", true), textElement("DeleteMarkerVersionId", versionId)];
}

function parseCondition(node: XmlNode): WriteCondition {
  for (const name of ["LastModifiedTime", "Size"]) {
    if (childText(node, name) === undefined) continue;
    const message = `Deleting an object by its ${name} is not implemented by this store.`;
    throw new S3Error("NotImplemented", { message });
  }
  const etag = childText(node, "ETag");
  return etag === undefined ? { kind: "always" } : { kind: "ifMatch", etag: bareEtag(etag) };
}

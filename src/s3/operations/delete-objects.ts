import { encodeUtf8 } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import { Limiter } from "../../base/limiter.ts";
import type { WriteCondition } from "../../object/conditions.ts";
import { deleteObject } from "../../object/delete.ts";
import { type Operation, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import { bareEtag } from "../condition-headers.ts";
import { S3Error } from "../errors.ts";
import { toS3Error } from "../error-response.ts";
import { checkVersionId } from "../object-parameters.ts";
import { checkKey } from "../request-target.ts";
import { declaredChecksums, readBody } from "../upload-body.ts";
import { type XmlNode, childText, childrenOf, parseXml } from "../xml-read.ts";
import { type Xml, element, textElement, xmlDocument } from "../xml-write.ts";

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
  const root = parseXml(await readBody(call, listBytesMax), "Delete");
  const wanted = childrenOf(root, "Object");
  if (wanted.length === 0 || wanted.length > keysMax) throw new S3Error("MalformedXML");
  const keys = wanted.map((node) => childText(node, "Key"));
  if (keys.some((key) => key === undefined || key === "")) throw new S3Error("MalformedXML");
  const quiet = childText(root, "Quiet")?.trim() === "true";
  const limiter = new Limiter({ unitsMax: inFlightMax, waitersMax: keysMax, what: "deletions" });
  const results = await Promise.all(
    wanted.map((node) => limiter.run(1, () => deleteOne(call, node, quiet))),
  );
  return xmlResponse(xmlDocument("DeleteResult", results.flat()));
};

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
    const key = encodeUtf8(name);
    checkKey(key);
    const action = version === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
    await permit(call, action, { bucket, key });
    checkVersionId(version);
    const condition = parseCondition(node);
    granted(await deleteObject(call.objects, { bucket, key, condition }), { bucket, key });
    return quiet ? [] : [element("Deleted", subject)];
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

function parseCondition(node: XmlNode): WriteCondition {
  for (const name of ["LastModifiedTime", "Size"]) {
    if (childText(node, name) === undefined) continue;
    const message = `Deleting an object by its ${name} is not implemented by this store.`;
    throw new S3Error("NotImplemented", { message });
  }
  const etag = childText(node, "ETag");
  return etag === undefined ? { kind: "always" } : { kind: "ifMatch", etag: bareEtag(etag) };
}

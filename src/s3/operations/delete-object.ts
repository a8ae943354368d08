import { encodeUtf8 } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import type { WriteCondition } from "../../object/conditions.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type DeleteItem, deleteObjects as deleteRows } from "../../object/write/delete-many.ts";
import { type Deleted, deleteObject as removeObject } from "../../object/write/delete.ts";
import type { HeaderList } from "../../platform/http.ts";
import { granted, type Operation, permit, refused, type S3Call, xmlResponse } from "../call.ts";
import { toS3Error } from "../error-response.ts";
import { S3Error } from "../errors.ts";
import { bareEtag, parseDeleteCondition } from "../request/condition-headers.ts";
import { checkKey } from "../request/request-target.ts";
import { declaredChecksums, withBody } from "../request/body.ts";
import {
  knownVersion,
  parseVersion,
  versionAction,
  versionHeaders,
} from "../request/object-parameters.ts";
import { markup, type XmlBytes, xmlPage } from "../xml/xml-bytes.ts";
import { childText, readXmlChildren, type XmlNode } from "../xml/xml-read.ts";
import { textElement } from "../xml/xml-write.ts";

export const deleteObject: Operation = async (call) => {
  const { bucket, key } = call.target;
  const found = await permit(call, versionAction("s3:DeleteObject", call), { bucket, key });
  const version = parseVersion(call, found);
  const condition = parseDeleteCondition(call.headers);
  const input = { bucket: found, key, version, condition };
  const deleted = granted(await removeObject(call.objects, input), { bucket, key });
  return { status: 204, headers: headersOf(deleted) };
};

function headersOf({ versionId, deleteMarker }: Deleted): HeaderList {
  const marker: HeaderList = deleteMarker ? [["x-amz-delete-marker", "true"]] : [];
  return [...marker, ...versionHeaders(versionId)];
}

/** @limit S3: keys in one request. */
const keysMax = 1000;
/** @limit 1,000 keys of 1,024 bytes, some of them escaped. */
const listBytesMax = 2 * 1024 * 1024;
const anyKey = encodeUtf8("*");

/**
 * Whether the sender may delete is asked key by key; the list is read for those alone who may
 * delete something.
 */
export const deleteObjects: Operation = async (call) => {
  const { bucket } = call.target;
  const found = await permit(call, "s3:DeleteObject", { bucket, key: anyKey });
  requireDigest(call);
  const { wanted, quiet } = await withBody(call, listBytesMax, (body) => parseDelete(call, body));
  const items: DeleteItem[] = [];
  const admitted: Wanted[] = [];
  for (const one of wanted) {
    try {
      items.push(await admit(call, one));
      admitted.push(one);
    } catch (thrown) {
      one.outcome = failure(call, thrown);
    }
  }
  const outcomes = await deleteRows(call.objects, found, items);
  for (const [index, one] of admitted.entries()) {
    const outcome = outcomes[index]!;
    if ("thrown" in outcome) one.outcome = failure(call, outcome.thrown);
    else if (isRefusal(outcome)) one.outcome = refused(outcome, { bucket, key: one.key });
    else one.outcome = outcome;
  }
  return xmlResponse(
    xmlPage("DeleteResult", [], (out) => {
      for (const one of wanted) writeOutcome(out, one, quiet);
    }),
  );
};

/** A key of the list, and what became of it. */
interface Wanted {
  readonly key: Uint8Array;
  readonly versionId: string | undefined;
  readonly node: XmlNode;
  outcome: Deleted | S3Error | undefined;
}

interface DeleteList {
  readonly wanted: readonly Wanted[];
  readonly quiet: boolean;
}

async function parseDelete(call: S3Call, body: Uint8Array): Promise<DeleteList> {
  const nodes: XmlNode[] = [];
  const quiet: string[] = [];
  await readXmlChildren(body, "Delete", call.objects.platform.loop, (child) => {
    if (child.name === "Object") nodes.push(child);
    if (child.name === "Quiet") quiet.push(child.text.trim());
    if (nodes.length > keysMax || quiet.length > 1) throw new S3Error("MalformedXML");
  });
  if (nodes.length === 0) throw new S3Error("MalformedXML");
  return { wanted: nodes.map(parseObject), quiet: quiet[0] === "true" };
}

function parseObject(node: XmlNode): Wanted {
  const name = childText(node, "Key");
  if (name === undefined || name === "") throw new S3Error("MalformedXML");
  const versionId = childText(node, "VersionId");
  return { key: encodeUtf8(name), versionId, node, outcome: undefined };
}

/** A list that was damaged on its way would delete other objects. */
function requireDigest(call: S3Call): void {
  const { md5, checksum } = declaredChecksums(call);
  if (md5 !== undefined || (checksum !== undefined && checksum.kind !== "algorithm")) return;
  throw new S3Error("InvalidRequest", {
    message: "Missing required header for this request: Content-MD5",
  });
}

/** Decides what to do for a key, if the sender may; each key succeeds or fails on its own. */
async function admit(call: S3Call, { key, versionId, node }: Wanted): Promise<DeleteItem> {
  const { bucket } = call.target;
  checkKey(key);
  const action = versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  const found = await permit(call, action, { bucket, key });
  const version = versionId === undefined ? undefined : knownVersion(found, versionId);
  // Among many keys, S3 does not tell an id that can't be one from one that is not there.
  if (versionId !== undefined && version === undefined) throw new S3Error("NoSuchVersion");
  return { key, version, condition: parseCondition(node) };
}

function failure(call: S3Call, thrown: unknown): S3Error {
  const error = toS3Error(thrown);
  if (error !== thrown) {
    const { bucket } = call.target;
    call.objects.platform.log("error", "s3_delete_failed", { bucket, error: messageOf(thrown) });
  }
  return error;
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

const tags = {
  deleted: markup("<Deleted><Key>"),
  deletedEnd: markup("</Deleted>"),
  error: markup("<Error><Key>"),
  errorEnd: markup("</Error>"),
  keyEnd: markup("</Key>"),
};

function writeOutcome(out: XmlBytes, { key, versionId, outcome }: Wanted, quiet: boolean): void {
  if (outcome instanceof S3Error) {
    out.markup(tags.error).text(key).markup(tags.keyEnd);
    out.xml(textElement("VersionId", versionId));
    out.xml(textElement("Code", outcome.code)).xml(textElement("Message", outcome.message));
    out.markup(tags.errorEnd);
  } else if (outcome !== undefined && !quiet) {
    out.markup(tags.deleted).text(key).markup(tags.keyEnd);
    out.xml(textElement("VersionId", versionId));
    // The delete marker that was made, or that was the version named.
    if (outcome.deleteMarker) {
      out.xml(textElement("DeleteMarker", true));
      out.xml(textElement("DeleteMarkerVersionId", outcome.versionId));
    }
    out.markup(tags.deletedEnd);
  }
}

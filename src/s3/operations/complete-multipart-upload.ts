import { fromBase64 } from "../../base/bytes.ts";
import type { CompletePart } from "../../object/upload/choose-parts.ts";
import { type CompleteInput, completeUpload } from "../../object/upload/complete-upload.ts";
import type { HttpResponse } from "../../platform/http.ts";
import { type Operation, type Place, type S3Call, granted, permit, xmlResponse } from "../call.ts";
import {
  checksumAlgorithms,
  checksumElementName,
  checksumElements,
  partCountOf,
} from "../request/checksums.ts";
import { bareEtag, parseWriteCondition } from "../request/condition-headers.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { keyElement } from "../response/listing.ts";
import { madeVersionHeaders, parseUploadAddress, partsMax } from "../request/object-parameters.ts";
import { expectedChecksums, withBodyOnly } from "../request/body.ts";
import { type XmlNode, childText, readXmlChildren } from "../xml/xml-read.ts";
import { etagElement, textElement, xmlDocument } from "../xml/xml-write.ts";

/** @limit 10,000 parts with ETag, SHA-256 and indentation are about 220 bytes each. */
const listBytesMax = 4 * 1024 * 1024;

export const completeMultipartUpload: Operation = async (call) => {
  const { bucket, key } = call.target;
  const owned = await permit(call, "s3:PutObject", { bucket, key });
  const { address, place } = parseUploadAddress(call, owned);
  const condition = parseWriteCondition(call.headers);
  const expected = { ...expectedChecksum(call), expectedSize: expectedSize(call) };
  const parts = await withBodyOnly(call, listBytesMax, (body) => parseParts(call, body));
  const input = { ...address, parts, condition, ...expected };
  return call.keepAlive(complete(call, place, input));
};

async function complete(call: S3Call, place: Place, input: CompleteInput): Promise<HttpResponse> {
  const { bucket, key } = call.target;
  const stored = granted(await completeUpload(call.objects, input), place);
  return xmlResponse(
    xmlDocument("CompleteMultipartUploadResult", [
      textElement("Location", locationOf(call)),
      textElement("Bucket", bucket),
      keyElement(key),
      etagElement(stored.etag),
      ...checksumElements(stored.checksum, partCountOf(stored.etag)),
    ]),
    madeVersionHeaders(stored.versionId),
  );
}

async function parseParts(call: S3Call, body: Uint8Array): Promise<readonly CompletePart[]> {
  if (body.length === 0) {
    throw new S3Error("InvalidRequest", { message: "You must specify at least one part" });
  }
  const parts: CompletePart[] = [];
  const { loop } = call.objects.platform;
  await readXmlChildren(body, "CompleteMultipartUpload", loop, (node) => {
    if (node.name === "Part") parts.push(parsePart(node));
    if (parts.length > partsMax) throw new S3Error("MalformedXML");
  });
  if (parts.length === 0) throw new S3Error("MalformedXML");
  return parts;
}

function parsePart(node: XmlNode): CompletePart {
  const number = childText(node, "PartNumber")?.trim() ?? "";
  const etag = childText(node, "ETag");
  if (!/^\d{1,9}$/.test(number) || etag === undefined) throw new S3Error("MalformedXML");
  const part = Number(number);
  if (part < 1 || part > partsMax) {
    const message = `PartNumber must be between 1 and ${partsMax} inclusive.`;
    throw invalidArgument("PartNumber", number, message);
  }
  return { part, etag: bareEtag(etag), checksum: parseChecksum(node) };
}

function parseChecksum(node: XmlNode): CompletePart["checksum"] {
  // Number and ETag alone: most parts.
  if (node.children.length === 2) return undefined;
  for (const algorithm of checksumAlgorithms) {
    const text = childText(node, checksumElementName(algorithm))?.trim();
    if (text === undefined || text === "") continue;
    const value = fromBase64(text);
    if (value === undefined) throw new S3Error("MalformedXML");
    return { algorithm, value };
  }
  return undefined;
}

/** Checksum headers here speak of the object that is to be, not of this request's body. */
function expectedChecksum(call: S3Call) {
  const { checksum, type } = expectedChecksums(call);
  const expected = checksum?.kind === "value" ? checksum : undefined;
  return { expectedChecksum: expected, expectedType: type };
}

function expectedSize(call: S3Call): number | undefined {
  const name = "x-amz-mp-object-size";
  const text = call.headers.get(name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalidArgument(name, text, `${name} must be a number of bytes`);
}

function locationOf(call: S3Call): string {
  const { secure, head } = call.request;
  return `${secure ? "https" : "http"}://${call.headers.get("host") ?? ""}${head.path}`;
}

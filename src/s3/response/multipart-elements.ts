import { decodeUtf8 } from "../../base/bytes.ts";
import type { UploadRow } from "../../format/object-row.ts";
import { checksumName, checksumTypeName } from "../request/checksum-names.ts";
import { ownerElement } from "./listing.ts";
import { type Xml, textElement } from "../xml/xml-write.ts";

/** The key as it is; the multipart answers that name a single key know no `encoding-type`. */
export function keyElement(key: Uint8Array): Xml {
  return textElement("Key", decodeUtf8(key));
}

/** What ListParts and ListMultipartUploads both say about an upload. */
export function uploadElements({ attributes, checksum }: UploadRow): readonly Xml[] {
  return [
    ownerElement("Initiator", attributes.owner),
    ownerElement("Owner", attributes.owner),
    textElement("StorageClass", attributes.storageClass),
    textElement("ChecksumAlgorithm", checksum && checksumName(checksum.algorithm)),
    textElement("ChecksumType", checksum && checksumTypeName(checksum.type)),
  ];
}

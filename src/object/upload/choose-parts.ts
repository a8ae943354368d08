import { equalBytes } from "../../base/bytes.ts";
import type { ChecksumAlgorithm, ChecksumType, StoredChecksum } from "../../format/checksum.ts";
import type { PartList } from "../../format/manifest.ts";
import { md5Etag } from "../conditions.ts";
import { type Refusal, refuse } from "../refusal.ts";
import type { FoundPart, FoundUpload } from "../../rows/uploads.ts";
import { idText } from "../../format/ids.ts";

/** @limit S3: every part but the last is at least 5 MiB. */
export const partBytesMin = 5 * 1024 ** 2;

export interface CompletePart {
  readonly part: number;
  /** The part's ETag, without quotes. */
  readonly etag: string;
  readonly checksum:
    | { readonly algorithm: ChecksumAlgorithm; readonly value: Uint8Array }
    | undefined;
}

/** What a Complete says of its parts. */
export interface PartsAsked {
  readonly parts: readonly CompletePart[];
  readonly expectedType: ChecksumType | undefined;
}

/**
 * The stored parts that a Complete lists, or what is wrong with its list, in the order S3 looks at
 * it.
 */
export function chooseParts(
  stored: readonly FoundPart[],
  upload: FoundUpload,
  input: PartsAsked,
): FoundPart[] | Refusal {
  const { parts } = input;
  if (parts.length === 0) {
    return refuse("invalidRequest", { message: "You must specify at least one part" });
  }
  if (parts.some(({ part }, index) => index > 0 && part < parts[index - 1]!.part)) {
    return refuse("invalidPartOrder", { details: { UploadId: idText(upload.id) } });
  }
  const wrongType = checkType(upload, input);
  if (wrongType !== undefined) return wrongType;
  const byNumber = new Map(stored.map((part) => [part.part, part]));
  const chosen: FoundPart[] = [];
  for (const asked of withoutRepeats(parts)) {
    const found = byNumber.get(asked.part);
    const foreign = checkAlgorithm(upload, asked);
    if (foreign !== undefined) return foreign;
    if (found === undefined || !isSame(upload, found, asked)) {
      const details = {
        UploadId: idText(upload.id),
        PartNumber: String(asked.part),
        ETag: asked.etag,
      };
      return refuse("invalidPart", { details });
    }
    chosen.push(found);
  }
  return tooSmall(chosen) ?? chosen;
}

/** A client that sent a part again may list it again: the last entry counts. */
function withoutRepeats(parts: readonly CompletePart[]): readonly CompletePart[] {
  return parts.filter(({ part }, index) => part !== parts[index + 1]?.part);
}

/** True if a Complete lists just the parts that an object was made of. */
export function isSameList(made: PartList, asked: readonly CompletePart[]): boolean {
  const listed = withoutRepeats(asked);
  if (listed.length !== made.length) return false;
  return listed.every(({ part, etag }, index) => {
    const { number, md5 } = made.get(index);
    return part === number && etag === md5Etag(md5);
  });
}

/**
 * `expectedType` is what the request says of the upload; a composite checksum needs the parts'
 * checksums in the list.
 */
function checkType(upload: FoundUpload, { parts, expectedType }: PartsAsked): Refusal | undefined {
  const { checksum } = upload.row;
  if (expectedType !== undefined && expectedType !== checksum?.type) {
    const message =
      `The upload was created using the ${typeName(checksum?.type)} checksum mode. ` +
      "The complete request must use the same checksum mode.";
    return refuse("invalidRequest", { message });
  }
  if (checksum === undefined) return undefined;
  const lacking = parts.find((part) => part.checksum === undefined);
  if (checksum.type === "full" || lacking === undefined) return undefined;
  const message =
    `The upload was created using a ${checksum.algorithm} checksum. ` +
    `The complete request must include the checksum for each part. ` +
    `It was missing for part ${lacking.part} in the request.`;
  return refuse("invalidRequest", { message });
}

/** AWS shows its clients that it has none. */
function typeName(type: ChecksumType | undefined): string {
  return type === undefined ? "null" : { full: "FULL_OBJECT", composite: "COMPOSITE" }[type];
}

/** Refuses a checksum that is not the upload's: it cannot be checked. */
function checkAlgorithm(
  { row }: FoundUpload,
  { part, checksum }: CompletePart,
): Refusal | undefined {
  if (row.checksum === undefined || checksum === undefined) return undefined;
  if (row.checksum.algorithm === checksum.algorithm) return undefined;
  const subject = `The ${checksum.algorithm} you specified for part ${part}`;
  return refuse("badDigest", { message: `${subject} did not match what we received.` });
}

/** AWS: the parts of an upload for which no checksum was chosen have none that could be named. */
function isSame({ row }: FoundUpload, found: FoundPart, asked: CompletePart): boolean {
  if (md5Etag(found.md5) !== asked.etag) return false;
  if (asked.checksum === undefined) return true;
  return row.checksum !== undefined && isSameChecksum(found.checksum, asked.checksum);
}

function isSameChecksum(
  found: StoredChecksum | undefined,
  asked: Pick<StoredChecksum, "algorithm" | "value">,
): boolean {
  return found?.algorithm === asked.algorithm && equalBytes(found.value, asked.value);
}

function tooSmall(parts: readonly FoundPart[]): Refusal | undefined {
  const small = parts.slice(0, -1).find((part) => part.size < partBytesMin);
  if (small === undefined) return undefined;
  return refuse("entityTooSmall", {
    details: {
      ProposedSize: String(small.size),
      MinSizeAllowed: String(partBytesMin),
      PartNumber: String(small.part),
      ETag: md5Etag(small.md5),
    },
  });
}

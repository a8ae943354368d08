import type { ChecksumAlgorithm, ChecksumType } from "../format/checksum.ts";
import type { HeaderList } from "../platform/http.ts";

/** What a request says about the integrity of its body. */
export interface DeclaredChecksums {
  /** `Content-MD5`, decoded. */
  readonly md5: Uint8Array | undefined;
  /** At most one of S3's additional checksums. */
  readonly checksum: DeclaredChecksum | undefined;
  /** `x-amz-checksum-type`. */
  readonly type: ChecksumType | undefined;
}

export type DeclaredChecksum =
  /** The value stands in a header: compare with it. */
  | {
      readonly kind: "value";
      readonly algorithm: ChecksumAlgorithm;
      readonly value: Uint8Array;
      /** Composite values of multipart objects end in `-N`: how many parts. */
      readonly parts: number | undefined;
    }
  /** It follows the body, as a trailing header of this name: read it with `parseTrailingChecksum`. */
  | {
      readonly kind: "trailer";
      readonly algorithm: ChecksumAlgorithm;
      readonly header: string;
    }
  /** Only an algorithm is named (`x-amz-sdk-checksum-algorithm`, `x-amz-checksum-algorithm`). */
  | { readonly kind: "algorithm"; readonly algorithm: ChecksumAlgorithm };

/** S3's answer to headers it can't take; the messages are S3's own. */
export interface ChecksumRefusal {
  readonly kind: "refused";
  readonly code: "invalid_request" | "invalid_digest" | "not_implemented";
  readonly message: string;
}

export declare function parseChecksumHeaders(
  headers: HeaderList,
): DeclaredChecksums | ChecksumRefusal;

/** The value that the trailer promised, from the trailing headers; S3 refuses where it is missing or malformed. */
export declare function parseTrailingChecksum(
  declared: DeclaredChecksum & { readonly kind: "trailer" },
  trailers: ReadonlyMap<string, string>,
): Uint8Array | ChecksumRefusal;

/** crc32 → x-amz-checksum-crc32, for answers. */
export declare function checksumHeader(algorithm: ChecksumAlgorithm): string;

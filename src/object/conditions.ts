/** Preconditions of GET, HEAD and copy sources. ETags as sent, quotes removed; `*` is itself. Times in ms. */
export interface ReadConditions {
  readonly ifMatch?: readonly string[] | undefined;
  readonly ifNoneMatch?: readonly string[] | undefined;
  readonly ifModifiedSinceMs?: number | undefined;
  readonly ifUnmodifiedSinceMs?: number | undefined;
}

/** Preconditions of a write: three cases, never two at once. */
export type WriteCondition =
  | { readonly kind: "always" }
  /** If-None-Match: * */
  | { readonly kind: "ifAbsent" }
  /** If-Match: an ETag, quotes removed, or `*` (for delete). */
  | { readonly kind: "ifMatch"; readonly etag: string };

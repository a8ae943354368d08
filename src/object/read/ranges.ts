/** Bytes first <= i < end of an object. */
export interface Span {
  readonly first: number;
  readonly end: number;
}

/** Inclusive, as HTTP counts; resolved against the object's size by `getObject`. */
export type RangeRequest =
  | { readonly kind: "from"; readonly first: number; readonly last?: number | undefined }
  | { readonly kind: "suffix"; readonly length: number };

/**
 * The bytes a range has of `size`; undefined where it has none. The last bytes of an empty object
 * are all of it, so a suffix is satisfied with nothing, as on AWS; a range with a first byte never
 * is.
 */
export function resolveRange(range: RangeRequest, size: number): Span | undefined {
  const first = range.kind === "suffix" ? Math.max(size - range.length, 0) : range.first;
  const last = range.kind === "suffix" ? undefined : range.last;
  const end = Math.min(size, (last ?? Infinity) + 1);
  if (size === 0 && range.kind === "suffix" && range.length > 0) return { first: 0, end: 0 };
  return first < end ? { first, end } : undefined;
}

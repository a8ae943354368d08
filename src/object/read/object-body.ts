import { must } from "../../base/assert.ts";
import { leastBytesMax } from "./answer-budget.ts";
import { dataRecord } from "../blob-writer.ts";
import { readBody } from "./body-reader.ts";
import type { Span } from "./locations.ts";
import { blobOf } from "./locations.ts";
import { followingMoves } from "./moved-rows.ts";
import type { ObjectStore } from "../object-store.ts";
import { inPhase } from "../request-phases.ts";
import type { Target } from "../target.ts";
import type { Version } from "../version/version-rows.ts";

/**
 * Verified bytes (C4), read one piece ahead. Each piece lasts until the next is asked for: its
 * memory is used again. Ends with a throw if a chunk can't be had.
 */
export interface ObjectBody extends AsyncIterable<Uint8Array> {
  /**
   * Instead of iterating: reads and verifies the first piece, so that where that fails nothing has been sent yet. A
   * small body is all there then; of a larger one, to be iterated, the budget has to know when it has left.
   */
  begin(): Promise<Uint8Array | AsyncIterable<Uint8Array>>;
}

/** Who asked for the bytes; the signal aborts when they have left. */
export interface Peer {
  readonly signal: AbortSignal;
}

export function openBody(
  store: ObjectStore,
  target: Target,
  version: Version,
  span: Span,
  peer: Peer | undefined,
): ObjectBody {
  const pieces = (): AsyncGenerator<Uint8Array, void, undefined> =>
    readBody(store, target, version, span, peer?.signal);
  return {
    [Symbol.asyncIterator]: pieces,
    begin: () =>
      onlyRead(store, target, version, span) === undefined
        ? begun(pieces(), span.end - span.first)
        : readAtOnce(store, target, version, span),
  };
}

/** What most objects take: without a plan, a budget and their iterators, which cost a small GET 5 of 36 µs. */
function readAtOnce(
  store: ObjectStore,
  target: Target,
  version: Version,
  span: Span,
): Promise<Uint8Array> {
  const read = (current: Version) =>
    must(onlyRead(store, target, current, span), "a chunk that moves stays one chunk")();
  return inPhase(store.phases, "read", () => followingMoves(store, target, version, read));
}

/** The read that gives this span, where one of a small part of a single chunk does. */
function onlyRead(
  store: ObjectStore,
  target: Target,
  { row }: Version,
  { first, end }: Span,
): (() => Promise<Uint8Array>) | undefined {
  if (row.data.kind !== "chunks" || first === end || end - first > leastBytesMax) return undefined;
  const [ref, more] = row.data.chunks;
  if (ref === undefined || more !== undefined) return undefined;
  return () => store.reader.read(ref, dataRecord(blobOf(target, row), 0), first, end);
}

async function begun(
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
  length: number,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const first = await pieces.next();
  const isSmall = length <= leastBytesMax && first.value?.length === length;
  if (first.done === true || !isSmall) return continued(first, pieces);
  await pieces.return();
  return first.value;
}

async function* continued(
  first: IteratorResult<Uint8Array>,
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void> {
  try {
    for (let next = first; next.done !== true; next = await pieces.next()) yield next.value;
  } finally {
    await pieces.return();
  }
}

import { assert } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import type { Span } from "./locations.ts";
import { blobOf, planReads } from "./locations.ts";
import type { Piece } from "./piece-reader.ts";
import { PieceReader } from "./piece-reader.ts";
import { rowAfterMove } from "./moved-rows.ts";
import type { ObjectStore } from "../object-store.ts";
import { inPhase } from "../request-phases.ts";
import type { Target } from "../target.ts";
import type { Version } from "../version/version-rows.ts";

/**
 * Verified bytes of an object (C4), pulled, with the next piece being read while one is sent. Each
 * piece lasts until the next is asked for: its memory is used again.
 * Nothing is held before the first pull; from then until the end (however it comes) the read is
 * known to the tracker, so what it needs is not dropped.
 */
export async function* readBody(
  store: ObjectStore,
  target: Target,
  version: Version,
  span: Span,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const ended = store.reads.begin();
  try {
    let current = version;
    let at = span.first;
    while (at < span.end) {
      try {
        for await (const bytes of readSpan(store, target, current, { ...span, first: at })) {
          if (signal?.aborted === true) throw new StoreError("cancelled", "the read was cancelled");
          at += bytes.length;
          yield bytes;
        }
        if (at < span.end) throw new StoreError("corrupt", `an object ends at byte ${at}`);
      } catch (error) {
        current = await rowAfterMove(target, current, error);
      }
    }
    assert(at === span.end, "more bytes were read than asked for");
  } finally {
    ended();
  }
}

/** Reads along the plan of one row, one piece ahead. */
async function* readSpan(
  store: ObjectStore,
  target: Target,
  version: Version,
  span: Span,
): AsyncGenerator<Uint8Array, void, undefined> {
  const share = store.answers.open();
  const plan = planReads(store, blobOf(target, version.row), version.row.data, span);
  const { readRooms } = store.buffers;
  const pieces = new PieceReader(plan, readRooms);
  let current: Piece | undefined;
  let ahead: Piece | undefined;
  try {
    for (;;) {
      current = ahead ?? (await pieces.begin((bytes) => share.take(bytes)));
      ahead = undefined;
      if (current === undefined) return;
      ahead = await pieces.begin((bytes) => share.takeAhead(bytes));
      const piece = current.bytes;
      const bytes = await inPhase(store.phases, "read", () => piece);
      const { room } = current;
      const taken = share.handOver(current.held);
      current = undefined;
      try {
        yield bytes;
        // Who asks for more is done with what they have. Who leaves may not be (a socket may still send it): then its
        // memory is left to be collected.
        if (room !== undefined) readRooms.give(room);
      } finally {
        taken();
      }
    }
  } finally {
    // What is under way still reads from an extent that must not be dropped.
    for (const piece of [current, ahead]) {
      await Promise.allSettled([piece?.bytes]);
      if (piece !== undefined) share.giveBack(piece.held);
    }
  }
}

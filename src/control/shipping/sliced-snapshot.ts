import { concatBytes } from "../../base/bytes.ts";
import type { SnapshotHead, SnapshotRow } from "../../format/index-snapshot.ts";
import { SnapshotEncoder } from "../../format/index-snapshot.ts";
import type { SnapshotSlice } from "../../format/shipped-file.ts";
import type { Hash } from "../../platform/hash.ts";

/**
 * @limit A slice ends past this, with the frame of a mebibyte or so that was begun: so much is held
 * in memory, and put once more where a put fails.
 */
const sliceBytes = 8 * 1024 * 1024;

export interface SlicedBytes {
  readonly file: SnapshotSlice;
  readonly bytes: Uint8Array;
}

/** A snapshot as the files that a target gets. The rows come in order, and are verified. */
export async function* sliceSnapshot(
  hash: Hash,
  head: SnapshotHead,
  rows: AsyncIterable<readonly SnapshotRow[]>,
): AsyncGenerator<SlicedBytes, void, undefined> {
  const encoder = new SnapshotEncoder(hash);
  const { createdMs, position } = head;
  let frames = [encoder.head(head)];
  let bytes = frames[0]?.length ?? 0;
  let slice = 0;
  const take = (isLast: boolean): SlicedBytes => {
    const file = {
      kind: "snapshot",
      sequence: position.sequence,
      createdMs,
      slice,
      isLast,
    } as const;
    const taken = { file, bytes: concatBytes(frames) };
    [frames, bytes, slice] = [[], 0, slice + 1];
    return taken;
  };
  for await (const some of rows) {
    if (bytes >= sliceBytes) yield take(false);
    const frame = encoder.rows(some);
    frames.push(frame);
    bytes += frame.length;
  }
  frames.push(encoder.end());
  yield take(true);
}

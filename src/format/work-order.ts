import { ByteReader, ByteWriter } from "./codec.ts";

/** What operators asked of a background task: to rest, or to begin anew. */
export interface WorkOrder {
  readonly isPaused: boolean;
  /** When it was paused or resumed last; 0: never. */
  readonly changedMs: number;
  /** When it was last asked to begin anew; 0: never. */
  readonly beginMs: number;
}

export const noOrder: WorkOrder = { isPaused: false, changedMs: 0, beginMs: 0 };

const version = 1;

export function encodeWorkOrder({ isPaused, changedMs, beginMs }: WorkOrder): Uint8Array {
  const writer = new ByteWriter(24).u8(version).boolean(isPaused);
  return writer.u64(changedMs).u64(beginMs).finish();
}

export function decodeWorkOrder(bytes: Uint8Array): WorkOrder {
  const reader = new ByteReader(bytes, "work order");
  reader.version(version);
  const order: WorkOrder = {
    isPaused: reader.boolean(),
    changedMs: reader.u64(),
    beginMs: reader.u64(),
  };
  reader.end();
  return order;
}

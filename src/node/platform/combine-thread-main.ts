import { parentPort, workerData } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import { CombineKernel } from "./combine-kernel.ts";
import type { FromCombineThread, ToCombineThread } from "./combine-thread.ts";
import type { MemoryRange } from "./kernel-memory.ts";

// The thread that CombineThread starts.

const port = must(parentPort ?? undefined, "started as a thread");
const range = workerData as MemoryRange; // as CombineThread starts it
const kernel = new CombineKernel(range);

function receive({ id, length, outputs, inputs, coefficients }: ToCombineThread): void {
  const shardAt = (at: number): Uint8Array => new Uint8Array(range.memory.buffer, at, length);
  const elsewhere: Uint8Array<ArrayBuffer>[] = [];
  const addElsewhere = (): Uint8Array => {
    const output = new Uint8Array(length);
    elsewhere.push(output);
    return output;
  };
  kernel.combine(
    outputs.map((place) => (place === undefined ? addElsewhere() : shardAt(place))),
    inputs.map((input) => (typeof input === "number" ? shardAt(input) : input)),
    coefficients,
  );
  const answer: FromCombineThread = { id, outputs: elsewhere };
  port.postMessage(
    answer,
    elsewhere.map(({ buffer }) => buffer),
  );
}

port.on("message", receive);

import { parentPort, workerData } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import type { Hasher } from "../../platform/hash.ts";
import { createHash } from "./hash.ts";
import { KernelMemory, type MemoryRange } from "./kernel-memory.ts";
import type { FromHashThread, SentBytes, ToHashThread } from "./hash-threads.ts";

// The thread that HashThreads starts: hashes what it is told to, in the order it is told.

const port = must(parentPort ?? undefined, "started as a thread");
const memory = new KernelMemory(workerData as MemoryRange); // as HashThreads starts it
const hash = createHash(memory);
const hashers = new Map<number, Hasher>();

function receive(message: ToHashThread): FromHashThread | undefined {
  const { id } = message;
  switch (message.kind) {
    case "open":
      hashers.set(id, hash.create(message.algorithm));
      return undefined;
    case "update":
      must(hashers.get(id), "an open hasher").update(bytesOf(message.bytes));
      return { id };
    case "digest":
      return { id, digest: must(hashers.get(id), "an open hasher").digest() };
    case "close":
      hashers.delete(id);
      return undefined;
  }
}

function bytesOf(sent: SentBytes): Uint8Array {
  return sent instanceof Uint8Array ? sent : memory.view(sent.at, sent.length);
}

port.on("message", (message: ToHashThread) => {
  const answer = receive(message);
  if (answer !== undefined) port.postMessage(answer);
});

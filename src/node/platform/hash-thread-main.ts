import { parentPort, workerData } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import type { HashAlgorithm } from "../../platform/hash.ts";
import { createHash } from "./hash.ts";
import type { FromHashThread, SentBytes, ToHashThread } from "./hash-threads.ts";
import { KernelMemory, type MemoryRange } from "./kernel-memory.ts";
import { gatherMsMax, Md5Lanes } from "./md5-lanes.ts";

// The thread that HashThreads starts: hashes the pieces it is sent, of each body in the order they
// are sent.

/** One digest of a body. */
interface Hashing {
  /** Calls `done` when the bytes are no longer needed. */
  update(bytes: Uint8Array, done: () => void): void;
  digest(done: (digest: Uint8Array) => void): void;
  close(): void;
}

const port = must(parentPort ?? undefined, "started as a thread");
const memory = new KernelMemory(workerData as MemoryRange); // as HashThreads starts it
const hash = createHash(memory);
const md5 = new Md5Lanes(memory, {
  soon: setImmediate,
  late: (step) => setTimeout(step, gatherMsMax),
});
const hashings = new Map<number, Hashing>();

function open(algorithm: HashAlgorithm): Hashing {
  if (algorithm === "md5") return md5.open();
  const hasher = hash.create(algorithm);
  return {
    update(bytes, done) {
      hasher.update(bytes);
      done();
    },
    digest: (done) => done(hasher.digest()),
    close: () => undefined,
  };
}

function receive(message: ToHashThread): void {
  const { id } = message;
  const hashing = (): Hashing => must(hashings.get(id), "an open hasher");
  switch (message.kind) {
    case "open":
      hashings.set(id, open(message.algorithm));
      return;
    case "update":
      return hashing().update(bytesOf(message.bytes), () => answer({ id }));
    case "digest":
      return hashing().digest((digest) => answer({ id, digest }));
    case "close":
      hashing().close();
      hashings.delete(id);
  }
}

function bytesOf(sent: SentBytes): Uint8Array {
  return sent instanceof Uint8Array ? sent : memory.view(sent.at, sent.length);
}

function answer(message: FromHashThread): void {
  port.postMessage(message);
}

port.on("message", receive);

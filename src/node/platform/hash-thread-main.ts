import { parentPort } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import type { Hasher } from "../../platform/hash.ts";
import { createHash } from "./hash.ts";
import type { FromHashThread, ToHashThread } from "./hash-threads.ts";

// The thread that HashThreads starts: hashes what it is told to, in the order it is told.

const port = must(parentPort ?? undefined, "started as a thread");
const hash = createHash();
const hashers = new Map<number, Hasher>();

function receive(message: ToHashThread): FromHashThread | undefined {
  const { id } = message;
  switch (message.kind) {
    case "open":
      hashers.set(id, hash.create(message.algorithm));
      return undefined;
    case "update":
      must(hashers.get(id), "an open hasher").update(message.bytes);
      return { id };
    case "digest":
      return { id, digest: must(hashers.get(id), "an open hasher").digest() };
    case "close":
      hashers.delete(id);
      return undefined;
  }
}

port.on("message", (message: ToHashThread) => {
  const answer = receive(message);
  if (answer !== undefined) port.postMessage(answer);
});

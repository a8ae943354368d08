import assert from "node:assert/strict";
import { bodyOf } from "./bucket-content.ts";
import type { S3Connection } from "./s3-connection.ts";
import { connectionTo, ServedStore, started } from "./served-store.ts";

export const keysOf = (name: string, count = 20): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i}`);

/** Serves the store for a while. */
export async function serving(
  paths: readonly string[],
  work: (s3: S3Connection, server: ServedStore, pid: number) => Promise<void>,
): Promise<string> {
  await using server = new ServedStore(paths);
  const ready = await started(server);
  const s3 = connectionTo(ready);
  await work(s3, server, ready.pid);
  s3.close();
  assert.equal(await server.stop(), 0, server.output);
  return server.output;
}

/** True once the server takes an object again. */
export async function takes(s3: S3Connection, key: string): Promise<boolean> {
  try {
    return (await s3.send("PUT", `/bucket/${key}`, { body: bodyOf(key) })).status === 200;
  } catch {
    return false; // the process tree starts anew
  }
}

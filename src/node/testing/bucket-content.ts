import assert from "node:assert/strict";
import type { S3Connection } from "./s3-connection.ts";

/** The content stored under a key. */
export const bodyOf = (key: string): string => `${key};`.repeat(2000);

/** Makes the bucket that the others use. */
export async function makeBucket(s3: S3Connection): Promise<void> {
  const { status, body } = await s3.send("PUT", "/bucket");
  assert.equal(status, 200, body.toString());
}

export async function putKeys(s3: S3Connection, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { status, body } = await s3.send("PUT", `/bucket/${key}`, { body: bodyOf(key) });
    assert.equal(status, 200, body.toString());
  }
}

export async function assertHeld(s3: S3Connection, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { body } = await s3.send("GET", `/bucket/${key}`);
    assert.equal(body.toString(), bodyOf(key), key);
  }
}

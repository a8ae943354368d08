import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8, encodeUtf8, freeBytes } from "../base/bytes.ts";
import { ByteSource } from "./byte-source.ts";

async function* streamOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield encodeUtf8(text).slice();
}

test("byte source: what was taken may be freed, also where it was a whole piece", async () => {
  const source = new ByteSource(streamOf("first", "line\r\n", "second", "", "third"));
  const takeAndFree = async (bytesMax: number): Promise<string | undefined> => {
    const taken = await source.take(bytesMax);
    if (taken === undefined) return undefined;
    const text = decodeUtf8(taken);
    freeBytes(taken);
    return text;
  };
  assert.equal(await takeAndFree(5), "first");
  assert.deepEqual(await source.line(10), { text: "line" });
  assert.equal(await takeAndFree(100), "second");
  assert.equal(await takeAndFree(2), "th");
  assert.equal(await takeAndFree(100), "ird");
  assert.equal(await takeAndFree(1), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeProcessList, encodeProcessList } from "./data-directory.ts";

test("process list: what was written is read; anything else names no process", () => {
  const list = { machine: "m", processes: [{ pid: 12, startTicks: 345 }] };
  const text = encodeProcessList(list);
  const start = '{"format":"holdfast-processes","version":1,"machine":"m","processes":';
  assert.equal(text, `${start}[{"pid":12,"startTicks":345}]}\n`);
  assert.deepEqual(decodeProcessList(text), list);
  for (const other of [
    "",
    "null",
    "{}",
    text.slice(0, -5),
    text.replace('"version":1', '"version":2'),
    `${start}[{"pid":-1,"startTicks":345}]}`,
    `${start}[{"pid":1,"startTicks":345}]}`,
    `${start}[{"pid":12}]}`,
    `${start}[null]}`,
  ]) {
    assert.equal(decodeProcessList(other), undefined, other);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeProcessList,
  decodeRunningServer,
  encodeProcessList,
  encodeRunningServer,
} from "./data-directory.ts";

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

test("running server: what was written is read; anything else names no server", () => {
  const server = { endpoint: "http://127.0.0.1:9000", region: "us-east-1" };
  const text = encodeRunningServer(server);
  assert.equal(
    text,
    '{"format":"holdfast-server","version":1,"endpoint":"http://127.0.0.1:9000","region":"us-east-1"}\n',
  );
  assert.deepEqual(decodeRunningServer(text), server);
  for (const other of [
    "",
    "null",
    "[]",
    text.slice(0, -5),
    text.replace('"version":1', '"version":2'),
    text.replace("holdfast-server", "holdfast-processes"),
    text.replace('"us-east-1"', "1"),
  ]) {
    assert.equal(decodeRunningServer(other), undefined, other);
  }
});

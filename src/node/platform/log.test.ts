import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogLevel } from "../../platform/platform.ts";
import { createLog } from "./log.ts";

const now = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function recorded(style: "json" | "text", level?: LogLevel) {
  const lines: string[] = [];
  return { lines, log: createLog({ style, level, now, write: (line) => lines.push(line) }) };
}

test("json: one object per line, with time, level and event; no field can hide them", () => {
  const { lines, log } = recorded("json");
  log("warn", "disk_full", { path: "/data\n1", bytes: 5, level: "x" });
  assert.equal(lines.length, 1);
  assert.ok(lines[0]!.endsWith("}\n"));
  assert.deepEqual(JSON.parse(lines[0]!), {
    time: "2026-01-02T03:04:05.678Z",
    level: "warn",
    event: "disk_full",
    path: "/data\n1",
    bytes: 5,
  });
});

test("text: words, and quotes around whatever could upset a terminal", () => {
  const { lines, log } = recorded("text");
  log("info", "server_started", {
    address: "127.0.0.1:9000",
    note: "a b\u001b[2J",
    gone: undefined,
  });
  assert.deepEqual(lines, [
    '03:04:05.678 info  server started address=127.0.0.1:9000 note="a b\\u001b[2J"\n',
  ]);
});

test("lines below the level are dropped", () => {
  const { lines, log } = recorded("text", "warn");
  log("info", "quiet");
  log("error", "loud");
  assert.equal(lines.length, 1);
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { test } from "node:test";
import { BoundedLines, waitingBytesMax } from "./request-lines.ts";
import { Scratch, until } from "../testing/served-store.ts";

const noFifo = spawnSync("mkfifo", ["--version"]).status === 0 ? false : "needs mkfifo";

test("lines: come whole and in order", async () => {
  using scratch = new Scratch();
  const path = scratch.directory("log");
  const descriptor = openSync(path, "w");
  const lines = new BoundedLines(descriptor, () => "");
  let expected = "";
  for (let i = 0; i < 2000; i++) {
    const line = `${"ä".repeat(i % 300)} ${i}\n`;
    expected += line;
    lines.write(line);
  }
  await until("all written", () => readFileSync(path, "utf8") === expected);
  assert.equal(lines.dropped, 0);
  closeSync(descriptor);
});

test(
  "C6: log lines are dropped and counted while the pipe is not read, and the count is written later",
  { skip: noFifo },
  async () => {
    using scratch = new Scratch();
    const path = scratch.directory("pipe");
    spawnSync("mkfifo", [path]);
    // Both ends here, so that opening does not wait; the pipe holds 64 KiB.
    const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const lines = new BoundedLines(descriptor, (count) => `dropped ${count}\n`);
    const line = `${"x".repeat(999)}\n`;
    const heldMax = (waitingBytesMax + 256 * 1024) / line.length;
    for (let i = 0; i < 3000; i++) lines.write(line);
    assert.ok(lines.dropped > 3000 - heldMax, `${lines.dropped}`);
    const { dropped } = lines;
    let read = "";
    const piece = Buffer.alloc(64 * 1024);
    await until("what was kept has come", () => {
      try {
        read += piece.toString("latin1", 0, readSync(descriptor, piece));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      }
      return read.length === (3000 - dropped) * line.length;
    });
    lines.write("next\n");
    read = "";
    await until("the count is written", () => {
      try {
        read += piece.toString("latin1", 0, readSync(descriptor, piece));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      }
      return read === `dropped ${dropped}\nnext\n`;
    });
    closeSync(descriptor);
  },
);

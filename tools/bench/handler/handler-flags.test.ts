import assert from "node:assert/strict";
import { test } from "node:test";
import { isHandlerRun, parseHandlerRun } from "./handler-flags.ts";

test("bench flags: --only steps and --only handler are measurements without a socket", () => {
  assert.ok(isHandlerRun(["--json", "--only", "steps"]));
  assert.ok(isHandlerRun(["--only=handler"]));
  assert.ok(!isHandlerRun(["--only", "small"]));
  assert.ok(!isHandlerRun(["--endpoint", "http://steps"]));
});

test("bench flags: a measurement without a socket takes kinds of requests and another checkout", () => {
  const run = parseHandlerRun(["--only", "steps", "--against", "/elsewhere", "--rounds", "2"]);
  assert.equal(run.only, "steps");
  assert.equal(run.against, "/elsewhere");
  assert.equal(run.rounds, 2);
  assert.equal(run.connections, 64);
  const some = parseHandlerRun(["--request", "put 4 KiB", "--request", "head 4 KiB"]);
  assert.deepEqual(some.kinds, ["put 4 KiB", "head 4 KiB"]);
  assert.throws(() => parseHandlerRun(["--request", "juggle"]), /--request "juggle"/);
  assert.throws(() => parseHandlerRun(["--rounds", "0"]), /--rounds "0"/);
});

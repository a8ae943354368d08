import assert from "node:assert/strict";
import { test } from "node:test";
import { sameRequestMs, StopRequests } from "./stop-signal.ts";

test("stop: signals that arrive together are one request, a later one is another", () => {
  const requests = new StopRequests();
  const at = [5, 5, 40, 4 + sameRequestMs, 5 + sameRequestMs];
  const expected = ["first", "same", "same", "same", "again"];
  assert.deepEqual(
    at.map((ms) => requests.arrived(ms)),
    expected,
  );
});

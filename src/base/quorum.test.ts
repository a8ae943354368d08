import assert from "node:assert/strict";
import { test } from "node:test";
import { quorumOf } from "./quorum.ts";

test("quorum: it resolves with the last one that is needed, whatever becomes of the others", async () => {
  for (const failsFirst of [true, false]) {
    const [a, b, c] = [1, 2, 3].map(() => Promise.withResolvers<void>());
    const quorum = quorumOf([a!.promise, b!.promise, c!.promise], 2);
    let isDone = false;
    void quorum.then(() => (isDone = true));
    if (failsFirst) b!.reject(new Error("failed"));
    a!.resolve();
    await Promise.resolve();
    assert.equal(isDone, false);
    c!.resolve();
    await quorum;
    b!.reject(new Error("failed later, which nobody has to catch"));
  }
});

test("quorum: it rejects with the failure that makes it impossible", async () => {
  const works = [1, 2, 3].map((i) => Promise.reject(new Error(`failure ${i}`)));
  await assert.rejects(quorumOf(works, 3), /failure 1/);
  await assert.rejects(quorumOf(works, 2), /failure 2/);
  await assert.rejects(quorumOf(works, 1), /failure 3/);
});

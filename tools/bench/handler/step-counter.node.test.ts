import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import { makerOf, StepCounter, stepsOf } from "./step-counter.ts";

const source = "/checkout/src/";
const driver = "/checkout/tools/bench/";

test("StepCounter: counts each call of the source's functions, and no call of others", () => {
  const coverage = [
    {
      url: pathToFileURL("/checkout/src/a.ts").href,
      functions: [{ ranges: [{ count: 2 }] }, { ranges: [{ count: 3 }, { count: 9 }] }],
    },
    { url: pathToFileURL("/checkout/src/idle.ts").href, functions: [{ ranges: [{ count: 0 }] }] },
    { url: "node:net", functions: [{ ranges: [{ count: 7 }] }] },
  ];
  const steps = stepsOf(coverage, new Map([["b.ts", 4]]), source);
  assert.equal(steps.calls, 5);
  assert.equal(steps.promises, 4);
  const files = Object.fromEntries(steps.files);
  assert.deepEqual(files, {
    "a.ts": { calls: 5, promises: 0 },
    "b.ts": { calls: 0, promises: 4 },
  });
});

test("StepCounter: a promise is the nearest source file's, a package's where no source file is there", () => {
  const options = { source, driver };
  const inSource = ["/checkout/node_modules/lmdb/open.js", `${source}a.ts`, `${source}b.ts`];
  assert.equal(makerOf(inSource, options), "a.ts");
  assert.equal(makerOf([`${driver}ask.ts`, `${source}a.ts`], options), undefined);
  assert.equal(makerOf(["node:fs", "/checkout/node_modules/lmdb/open.js"], options), "(lmdb)");
  assert.equal(makerOf(["node:timers"], options), "(node)");
});

async function awaitTwice(): Promise<void> {
  await Promise.resolve();
  await Promise.resolve();
}

test("StepCounter: what is counted is what runs between begin and end", async () => {
  using counter = new StepCounter({ source: import.meta.filename, driver: "/nowhere/" });
  await awaitTwice();
  counter.begin();
  const promise = awaitTwice();
  const { calls, promises } = counter.end();
  await promise;
  counter.begin();
  const nothing = counter.end();
  // Up to its first await: the promise that it returns, the one it waits for, and V8's own for the
  // await.
  assert.equal(calls, 1);
  assert.equal(promises, 3);
  assert.equal(nothing.promises, 0);
});

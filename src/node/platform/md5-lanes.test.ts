import assert from "node:assert/strict";
import { test } from "node:test";
import { kernelBytes, KernelMemory } from "./kernel-memory.ts";
import { Md5Lanes } from "./md5-lanes.ts";

/** Lanes whose next step, and the end of whose wait, come when the test says so. */
function createLanes() {
  const soon: (() => void)[] = [];
  const late: (() => void)[] = [];
  const memory = KernelMemory.create(kernelBytes + largeBytes);
  const lanes = new Md5Lanes(memory, {
    soon: (step) => soon.push(step),
    late: (step) => late.push(step),
  });
  return { memory, lanes, soon, late };
}

const bytes = new Uint8Array(1000);
const largeBytes = 5 * 1024 * 1024;
const nothing = (): void => undefined;

test("MD5 in lanes: the bytes of the only open body wait for nothing", () => {
  const { lanes, soon, late } = createLanes();
  lanes.open().update(bytes, nothing);
  assert.deepEqual([soon.length, late.length], [1, 0]);
});

test("MD5 in lanes: bytes wait until each open body has some", () => {
  const { lanes, soon, late } = createLanes();
  const [one, other] = [lanes.open(), lanes.open()];
  one.update(bytes, nothing);
  one.update(bytes, nothing);
  assert.deepEqual([soon.length, late.length], [0, 1]);
  other.update(bytes, nothing);
  assert.deepEqual([soon.length, late.length], [1, 1]);
});

test("MD5 in lanes: bytes wait for others no longer than the limit", () => {
  const { lanes, soon, late } = createLanes();
  const one = lanes.open();
  lanes.open();
  let isDone = false;
  one.update(bytes, () => (isDone = true));
  late.shift()!();
  soon.shift()!();
  assert.ok(isDone);
});

test("MD5 in lanes: a digest, many bytes and the end of the other body end the wait", () => {
  const ends = [
    (lanes: Md5Lanes) => {
      lanes.open();
      const body = lanes.open();
      body.update(bytes, nothing);
      body.digest(nothing);
    },
    (lanes: Md5Lanes) => {
      lanes.open();
      lanes.open().update(new Uint8Array(4 * 1024 * 1024), nothing);
    },
    (lanes: Md5Lanes) => {
      const other = lanes.open();
      lanes.open().update(bytes, nothing);
      other.close();
    },
  ];
  for (const end of ends) {
    const { lanes, soon } = createLanes();
    end(lanes);
    assert.equal(soon.length, 1);
  }
});

test("MD5 in lanes: of many bytes only those past the limit go without others", () => {
  const { memory, lanes, soon, late } = createLanes();
  lanes.open();
  lanes.open().update(memory.allocate(largeBytes), nothing);
  for (let step = soon.shift(); step !== undefined; step = soon.shift()) step();
  assert.equal(late.length, 1, "the rest waits");
});

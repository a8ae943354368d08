import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import { testKey } from "../server/testing/open-access-keys.ts";
import { askSigned, type SignedQuestion } from "./testing/ask-signed.ts";
import {
  answerWork,
  type RepairReport,
  type ScrubReport,
  type UnreadableReport,
} from "./work-pages.ts";

const repair: RepairReport = {
  isPaused: false,
  isLooking: false,
  isWhole: false,
  shortExtents: 2,
  waitingExtents: 0,
  narrowExtents: 0,
  extents: 2,
  bytesLeft: 300,
  stuck: 0,
  secondsLeft: null,
  membersMade: 1,
  bytesMade: 100,
  now: [],
};
const unreadable: UnreadableReport = { counted: null, total: 0, objects: [] };
const scrub: ScrubReport = { isPaused: true, everySeconds: 60, disks: [], index: null };

/** Asks the pages; what was ordered there, and the answer. */
async function ask(question: SignedQuestion) {
  const ordered: unknown[] = [];
  const answer = await askSigned(
    createHash(),
    (options, request) => {
      const work = {
        repair: () => Promise.resolve(repair),
        scrub: () => Promise.resolve(scrub),
        unreadable: () => Promise.resolve(unreadable),
        order: (...order: readonly unknown[]) => {
          ordered.push(order);
          return Promise.resolve({ message: "done" });
        },
      };
      return answerWork({ ...options, work }, request);
    },
    question,
  );
  return { ...answer, ordered };
}

test("work pages: how far repair and scrub are, and orders to them", async () => {
  assert.deepEqual((await ask({ method: "GET", target: "/-/repair" })).value, repair);
  assert.deepEqual((await ask({ method: "GET", target: "/-/scrub" })).value, scrub);
  const lost = await ask({ method: "GET", target: "/-/repair/unreadable" });
  assert.deepEqual(lost.value, unreadable);
  const paused = await ask({ method: "POST", target: "/-/repair/pause", text: "{}" });
  assert.deepEqual([paused.status, paused.value], [200, { message: "done" }]);
  assert.deepEqual(paused.ordered, [["repair", "pause", undefined]]);
  const text = '{"disk":"/mnt/d1"}';
  const started = await ask({ method: "POST", target: "/-/scrub/start", text });
  assert.deepEqual(started.ordered, [["scrub", "start", "/mnt/d1"]]);
});

test("work pages: what is wrong is refused, and nothing is ordered", async () => {
  const text = "{}";
  const disk = '{"disk":"/mnt/d1"}';
  const cases: readonly (readonly [number, SignedQuestion])[] = [
    [405, { method: "POST", target: "/-/repair", text }],
    [405, { method: "GET", target: "/-/scrub/start" }],
    [405, { method: "POST", target: "/-/repair/unreadable", text }],
    [404, { method: "GET", target: "/-/scrub/unreadable" }],
    [404, { method: "POST", target: "/-/scrub/stop", text }],
    [400, { method: "POST", target: "/-/repair/start", text: disk }],
    [400, { method: "POST", target: "/-/scrub/pause", text: disk }],
    [400, { method: "POST", target: "/-/scrub/start", text: '{"disk":4}' }],
    [403, { method: "POST", target: "/-/scrub/start", text, as: testKey("OTHER") }],
  ];
  for (const [status, question] of cases) {
    const answer = await ask(question);
    assert.deepEqual([answer.status, answer.ordered], [status, []], question.target);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessKey } from "../auth/access-key.ts";
import { createHash } from "../node/platform/hash.ts";
import { testKey } from "../server/testing/open-access-keys.ts";
import { answerSchemes, type ClassReport, type SchemeChoices } from "./scheme-pages.ts";
import { askSigned } from "./testing/ask-signed.ts";

const kept: ClassReport = {
  storageClass: "STANDARD",
  bucket: null,
  chosen: null,
  isInline: false,
  write: { copies: 3, quorum: 2 },
  atRest: "rs-10-4",
  wished: "rs-10-4",
  survives: "any 4 of 14 disks",
  survivesWritten: "any 1 of 3 disks",
  isRedundant: true,
  reasons: [],
  said: ["Written."],
};

/** Asks the pages; what was chosen there, and the answer. */
async function ask(method: string, target: string, text = "", as: AccessKey = testKey("ROOT")) {
  const chosen: unknown[] = [];
  const schemes: SchemeChoices = {
    report: () => Promise.resolve({ disks: { disk: 3 }, schemes: [], classes: [], buckets: [] }),
    choose: (place, choice) => {
      const scheme = choice?.isInline === true ? `${choice.scheme} inline` : choice?.scheme;
      chosen.push([place.storageClass, place.bucket, scheme]);
      if (scheme === "none") return Promise.resolve({ refusal: "notFound", message: "no" });
      return Promise.resolve(kept);
    },
  };
  const question = { method, target, text, as };
  const answer = await askSigned(
    createHash(),
    (options, request) => {
      return answerSchemes({ ...options, schemes }, request);
    },
    question,
  );
  return { ...answer, chosen };
}

test("scheme pages: the report, a choice for a class and one for a bucket, and taking it back", async () => {
  const report = await ask("GET", "/-/schemes");
  assert.deepEqual(report.value, { disks: { disk: 3 }, schemes: [], classes: [], buckets: [] });
  const put = await ask("PUT", "/-/schemes/STANDARD", '{"scheme":"rs-10-4"}');
  assert.deepEqual(
    [put.status, put.value, put.chosen],
    [200, kept, [["STANDARD", undefined, "rs-10-4"]]],
  );
  const inline = await ask("PUT", "/-/schemes/STANDARD", '{"scheme":"rs-10-4","inline":"on"}');
  assert.deepEqual(inline.chosen, [["STANDARD", undefined, "rs-10-4 inline"]]);
  const ofBucket = await ask("PUT", "/-/schemes/STANDARD/photos", '{"scheme":"copies-3"}');
  assert.deepEqual(ofBucket.chosen, [["STANDARD", "photos", "copies-3"]]);
  const taken = await ask("DELETE", "/-/schemes/STANDARD/photos");
  assert.deepEqual([taken.status, taken.chosen], [200, [["STANDARD", "photos", undefined]]]);
});

test("scheme pages: what is wrong is refused, and nothing is chosen", async () => {
  const cases = [
    [405, "PUT", "/-/schemes", '{"scheme":"rs-10-4"}'],
    [405, "DELETE", "/-/schemes/STANDARD/", ""],
    [405, "POST", "/-/schemes/STANDARD", '{"scheme":"rs-10-4"}'],
    [405, "PUT", "/-/schemes/STANDARD/a/b", '{"scheme":"rs-10-4"}'],
    [400, "PUT", "/-/schemes/STANDARD", "{}"],
    [400, "PUT", "/-/schemes/STANDARD", '{"scheme":"rs-10-4","inline":"yes"}'],
    [400, "PUT", "/-/schemes/STANDARD", '{"scheme":4}'],
  ] as const;
  for (const [status, method, target, text] of cases) {
    const answer = await ask(method, target, text);
    assert.deepEqual([answer.status, answer.chosen], [status, []], `${method} ${target} ${text}`);
  }
  const missing = await ask("PUT", "/-/schemes/STANDARD/none", '{"scheme":"none"}');
  assert.deepEqual([missing.status, missing.value], [404, { error: "no" }]);
  const stranger = await ask("GET", "/-/schemes", "", testKey("OTHER"));
  assert.equal(stranger.status, 403);
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Engine } from "./engine.ts";
import { commitTests } from "./suite/commits.suite.ts";
import { keysOfEveryShape } from "./suite/keys.suite.ts";
import { agreesWithModel } from "./suite/model.suite.ts";
import { readTests } from "./suite/reads.suite.ts";
import { ChangeMaker, bytesOf } from "./suite/rows.suite.ts";
import { readRow } from "./engine.ts";

/*
 * The contract of an engine as tests, the same for every implementation. An implementation's own
 * test file calls `testEngine`; what an implementation cannot do is declared, and its tests are
 * skipped with that reason.
 */

export interface EngineSupport {
  /**
   * An empty engine whose next commit, when asked, answers `unknown` after it was done or without
   * doing it. Otherwise why there is none.
   */
  readonly unknown: (() => Promise<UncertainEngine>) | { readonly missing: string };
  /** Runs of the property test. */
  readonly modelRuns: number;
}

export interface UncertainEngine extends OpenEngine {
  readonly answerUnknown: (happens: boolean) => void;
}

export interface OpenEngine {
  readonly engine: Engine;
  /** Closes it, where the test has not, and removes what it left. */
  readonly dispose: () => Promise<void>;
}

export function testEngine(
  name: string,
  open: () => Promise<OpenEngine>,
  support: EngineSupport,
): void {
  describe(`engine ${name}`, () => {
    for (const [title, run] of Object.entries({ ...readTests, ...commitTests })) {
      test(title, async () => {
        const { engine, dispose } = await open();
        await run({ engine, changes: new ChangeMaker() });
        await dispose();
      });
    }

    describe("with one engine for all", () => {
      let opened: OpenEngine;
      const changes = new ChangeMaker();
      before(async () => {
        opened = await open();
      });
      after(() => opened.dispose());

      test("keys of every legal shape, in every space, come back in order", () =>
        keysOfEveryShape({ engine: opened.engine, changes }));
      test("agrees with a sorted Map", () =>
        agreesWithModel({ engine: opened.engine, changes }, support.modelRuns));
    });

    testUnknown(support);
  });
}

function testUnknown({ unknown }: EngineSupport): void {
  const title = "after `unknown` a read shows what happened, and it stays so";
  if (typeof unknown !== "function") {
    test(title, { skip: unknown.missing }, () => undefined);
    return;
  }
  for (const happens of [true, false]) {
    test(`${title} (${happens ? "it did" : "it did not"})`, async () => {
      const { engine, answerUnknown, dispose } = await unknown();
      const changes = new ChangeMaker();
      const key = bytesOf("a");
      const first = changes.put({ key, value: bytesOf("1") });
      await engine.commit(first);
      answerUnknown(happens);
      const second = changes.put({ key, value: bytesOf("2") });
      assert.equal((await engine.commit(second)).outcome, "unknown");
      const row = await readRow(engine, key);
      assert.equal(row?.stamp, happens ? second.id : first.id);
      const third = changes.change({
        checks: [{ key, expect: row?.stamp ?? "absent" }],
        puts: [{ key, value: bytesOf("3") }],
      });
      assert.deepEqual(await engine.commit(third), { outcome: "ok" });
      await dispose();
    });
  }
}

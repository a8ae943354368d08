import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testEngine } from "../../engine/engine.suite.ts";
import { openTestIndex } from "../testing/test-index.ts";

testEngine(
  "LMDB",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-lmdb-"));
    const engine = await openTestIndex(join(directory, "index"));
    return {
      engine,
      dispose: async () => {
        await engine.close();
        rmSync(directory, { recursive: true });
      },
    };
  },
  { modelRuns: 60, unknown: { missing: "failed syncs are injected in failures.node.test.ts" } },
);

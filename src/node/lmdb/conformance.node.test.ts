import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testEngine } from "../../engine/engine.suite.ts";
import { openTestLog, testLogDisks } from "../testing/test-log.ts";
import { openTestIndex } from "../testing/test-index.ts";

for (const disks of [0, 3]) {
  testEngine(
    disks === 0 ? "LMDB" : "LMDB with a commit log",
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "holdfast-lmdb-"));
      const commitLog = disks === 0 ? undefined : openTestLog(testLogDisks(directory, disks));
      const engine = await openTestIndex(join(directory, "index"), { commitLog });
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
}

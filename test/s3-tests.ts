// The public S3 test suite (github.com/ceph/s3-tests) against a server of its own, as far as it
// tests what is built. --suite DIR, a checkout of it; --python PATH, of an environment with its
// requirements; -k EXPRESSION, pytest's.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { HoldfastServer } from "./acceptance/holdfast-server.ts";
import { suiteConfiguration } from "./s3-tests/configuration.ts";
import { collect, run } from "./s3-tests/pytest.ts";
import { summarize } from "./s3-tests/report.ts";
import { outOfScopeReason } from "./s3-tests/scope.ts";

const { values } = parseArgs({
  options: {
    suite: { type: "string" },
    python: { type: "string", default: "python3" },
    expression: { type: "string", short: "k", default: "" },
  },
});
if (values.suite === undefined) {
  console.error("usage: npm run s3-tests -- --suite DIR [--python PATH] [-k EXPRESSION]");
  process.exit(1);
}

const folder = await mkdtemp(join(tmpdir(), "holdfast-s3-tests-"));
const server = await HoldfastServer.start([join(folder, "data")]);
let failed = true;
try {
  const configuration = join(folder, "s3tests.conf");
  await writeFile(configuration, await suiteConfiguration(server), { mode: 0o600 });
  const suite = resolve(values.suite);
  const options = { suite, python: values.python, configuration, folder };
  const reasons = Map.groupBy(await collect(options, values.expression), (id) =>
    outOfScopeReason(id.split("::").at(-1) ?? id),
  );
  const ids = reasons.get(undefined) ?? [];
  const leftOut = [...reasons].flatMap(([reason, left]) =>
    reason === undefined ? [] : left.map(() => reason),
  );
  console.log(`${ids.length} tests to run, ${leftOut.length} of what is not built`);
  const summary = summarize(ids.length === 0 ? [] : await run(options, ids), leftOut);
  for (const line of summary.lines) console.log(line);
  failed = summary.failed > 0 || summary.passed === 0;
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

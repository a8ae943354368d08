// Real clients against a real server. `--require NAME` fails where that client is missing instead of skipping.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import assert from "node:assert/strict";
import { awsCliCases, awsVersion, makeScratch } from "./acceptance/aws-cli.ts";
import { javascriptSdkCases } from "./acceptance/javascript-sdk.ts";
import { checkData, HoldfastServer, medianStartMs } from "./acceptance/holdfast-server.ts";
import { runSuite } from "./acceptance/suite.ts";

const { values } = parseArgs({
  options: { require: { type: "string", multiple: true, default: [] } },
});
const folder = await mkdtemp(join(tmpdir(), "holdfast-clients-"));
const data = join(folder, "data");
const scratch = await makeScratch(join(folder, "scratch"));
const server = await HoldfastServer.start([data]);

const version = await awsVersion();
console.log(`AWS CLI: ${version ?? "not found"}`);
const missing = version === undefined ? "no aws on the PATH (pip install awscli)" : undefined;
if (missing !== undefined && values.require.includes("aws")) {
  console.error(missing);
  process.exit(1);
}

/** What a start may take more than that of an empty store, whatever the number of keys. */
const startMoreMs = 1000;

await runSuite(
  [
    ...awsCliCases(server, scratch, missing),
    ...javascriptSdkCases(server),
    {
      name: "the server stops on SIGTERM and `holdfast check` finds nothing wrong",
      run: async () => {
        await server.stop();
        const { code, output } = await checkData([data]);
        assert.equal(code, 0, output.slice(-4000));
        return output.trim().split("\n").at(-1)?.slice(0, 250) ?? "";
      },
    },
    {
      name: "a store with all this starts at most a second later than an empty one",
      run: async () => {
        const full = await medianStartMs([data]);
        const empty = await medianStartMs([join(folder, "empty")]);
        assert.ok(full <= empty + startMoreMs, `${full} ms, empty ${empty} ms`);
        await rm(folder, { recursive: true, force: true });
        return `${Math.round(full)} ms, empty ${Math.round(empty)} ms`;
      },
    },
  ],
  { seconds: 240 },
);

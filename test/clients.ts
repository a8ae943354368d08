// Real clients against a real server. `--require NAME` fails where that client is missing instead
// of skipping; `--only NAME` runs those alone.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import assert from "node:assert/strict";
import { awsCli } from "./acceptance/clients/aws-cli.ts";
import { boto3 } from "./acceptance/clients/boto3.ts";
import { type Client, Workbench } from "./acceptance/clients/client.ts";
import { curl } from "./acceptance/clients/curl.ts";
import { javascriptSdk } from "./acceptance/clients/javascript-sdk.ts";
import { minioJs } from "./acceptance/clients/minio-js.ts";
import { rclone } from "./acceptance/clients/rclone.ts";
import { restic } from "./acceptance/clients/restic.ts";
import { s3cmd } from "./acceptance/clients/s3cmd.ts";
import { s3fs } from "./acceptance/clients/s3fs.ts";
import { writeSampleTree } from "./acceptance/clients/sample-tree.ts";
import { checkData, HoldfastServer, medianStartMs } from "./acceptance/holdfast-server.ts";
import { type Case, runSuite } from "./acceptance/suite.ts";

const all = [awsCli, boto3, javascriptSdk, s3cmd, rclone, minioJs, restic, curl, s3fs];

const { values } = parseArgs({
  options: {
    require: { type: "string", multiple: true, default: [] },
    only: { type: "string", multiple: true, default: [] },
  },
});
for (const name of [...values.require, ...values.only]) {
  if (all.some((client) => client.name === name)) continue;
  console.error(`no client is called ${name}: ${all.map((client) => client.name).join(", ")}`);
  process.exit(1);
}

const folder = await mkdtemp(join(tmpdir(), "holdfast-clients-"));
const data = join(folder, "data");
const tree = join(folder, "tree");
await writeSampleTree(tree);
const server = await HoldfastServer.start([data]);
const bench = new Workbench(server, folder, tree);

let ran = 0;
const wanted = all.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
const cases = (await Promise.all(wanted.map(casesOf))).flat();
console.log(`${ran} of ${wanted.length} clients are here`);

async function casesOf(client: Client): Promise<Case[]> {
  const version = await client.version();
  console.log(`${client.name}: ${version ?? `missing (${client.install})`}`);
  if (version !== undefined) ran++;
  const skip = version === undefined ? `not here: ${client.install}` : undefined;
  if (skip !== undefined && values.require.includes(client.name)) {
    await server.stop();
    process.exit(1);
  }
  return client
    .cases(bench)
    .map(({ name, run }) => ({ name: `${client.name}: ${name}`, run, skip }));
}

/**
 * The most time that a start may take beyond that of an empty store, whatever the number of keys.
 */
const startMoreMs = 1000;

await runSuite(
  [
    ...cases,
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

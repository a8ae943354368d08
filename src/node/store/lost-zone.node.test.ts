import assert from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertHeld, makeBucket, putKeys } from "../testing/bucket-content.ts";
import { connectionTo, Scratch, ServedStore, started, until } from "../testing/served-store.ts";
import type { S3Connection } from "../testing/s3-connection.ts";
import { keysOf, serving } from "../testing/serving.ts";

// A store in three zones that loses the disk of its index and others at once, while it is stopped:
// the index is made again where what is left proves that nothing is missing, and else is not.

const names = ["a1", "a2", "b1", "b2", "c1", "c2"];
const zoneOf = (path: string): string => path.at(-2) ?? "";

/** True once the server has said so of an event, in its last line about it. */
function saysLast({ output }: ServedStore, event: string, what: RegExp): boolean {
  const lines = output.split("\n").filter((line) => line.includes(event));
  return what.test(lines.at(-1) ?? "");
}

async function label(s3: S3Connection, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const fields = { disk: path, labels: `zone=${zoneOf(path)}` };
    const body = Buffer.from(JSON.stringify(fields));
    const answer = await s3.send("POST", "/-/disks/label", { body });
    assert.equal(answer.status, 200, answer.body.toString());
  }
}

/** A store in three zones, with objects. */
async function zonedStore(scratch: Scratch): Promise<string[]> {
  const paths = names.map((name) => scratch.directory(name));
  await serving(paths, async (s3, server) => {
    await makeBucket(s3);
    await label(s3, paths);
    await until("the log needs two of three zones", () =>
      saysLast(server, "log_quorum_changed", /domains\W+3\W+disks\W+5/),
    );
    const snapshots = (): number => server.output.split("index_snapshot_written").length;
    const before = snapshots();
    await until("there is a snapshot behind which all stands so", () => snapshots() > before);
    await putKeys(s3, keysOf("first"));
  });
  return paths;
}

const away = (path: string): string => `${path}-away`;

async function refusal(paths: readonly string[], more: readonly string[] = []): Promise<string> {
  await using server = new ServedStore(paths, more);
  assert.equal(await server.ready, undefined, server.output);
  assert.equal(await server.ended, 1);
  return server.output;
}

test("C1: serve: without the disk of the index and a whole zone the index is made again, and is whole", async () => {
  using scratch = new Scratch();
  const [a1 = "", a2 = "", b1 = "", b2 = "", c1 = "", c2 = ""] = await zonedStore(scratch);
  for (const path of [a1, b1, b2]) rmSync(path, { recursive: true });
  const output = await serving([a2, c1, c2], async (s3) => {
    await assertHeld(s3, keysOf("first"));
    await putKeys(s3, ["after"]);
  });
  assert.match(output, /index_recovered/);
  assert.match(output, /index_home_changed/);
  // The index is lost once more: what was written since is in the log of two zones.
  rmSync(join(a2, "index"), { recursive: true });
  await serving([a2, c1, c2], (s3) => assertHeld(s3, [...keysOf("first"), "after"]));
});

test("C1: serve: with disks of two zones missing a lost index is not made, but as a person asks for it", async () => {
  using scratch = new Scratch();
  const [a1 = "", a2 = "", b1 = "", b2 = "", c1 = "", c2 = ""] = await zonedStore(scratch);
  rmSync(join(a1, "index"), { recursive: true });
  for (const path of [b1, b2, c1]) renameSync(path, away(path));
  const said = await refusal([a1, a2, c2]);
  assert.match(said, /so much of its log is missing \([^)]*b1, [^)]*c1\)/);
  assert.match(said, /holdfast index restore --accept-loss; nothing was changed/);
  renameSync(away(c1), c1);
  await serving([a1, a2, c1, c2], (s3) => assertHeld(s3, keysOf("first")));
});

test("C1: serve: an index without two zones of three serves only where a person agrees, with a log that begins anew", async () => {
  using scratch = new Scratch();
  const [a1 = "", a2 = "", b1 = "", b2 = "", c1 = "", c2 = ""] = await zonedStore(scratch);
  for (const path of [b1, b2, c1, c2]) renameSync(path, away(path));
  const said = await refusal([a1, a2]);
  assert.match(said, /the log of the index cannot go on.*c2: .*holdfast serve --accept-loss/);
  {
    await using server = new ServedStore([a1, a2], ["--accept-loss"]);
    const s3 = connectionTo(await started(server));
    await putKeys(s3, ["alone"]);
    await until("there is a snapshot for the log", () =>
      saysLast(server, "index_snapshot_written", /copies\W+2/),
    );
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
    assert.match(server.output, /log_begins_anew/);
  }
  for (const path of [b1, b2, c1, c2]) renameSync(away(path), path);
  rmSync(join(a1, "index"), { recursive: true });
  await serving([a1, a2, b1, b2, c1, c2], (s3) => assertHeld(s3, [...keysOf("first"), "alone"]));
});

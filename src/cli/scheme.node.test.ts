// Schemes from the command line, through a real server with seven data directories.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import type { ClassReport, SchemeReport } from "../admin/scheme-pages.ts";
import { S3Connection } from "../node/testing/s3-connection.ts";
import { Scratch, ServedStore, started } from "../node/testing/served-store.ts";
import { programEnvironment } from "../node/testing/program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../bin/holdfast.js");
const scratch = new Scratch();
const directories = Array.from({ length: 7 }, (_, i) => scratch.directory(`disk${i}`));
const server = new ServedStore(directories);
after(async () => {
  await server[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});
const ready = await started(server);

function holdfast(...parameters: readonly string[]) {
  const where = ["--endpoint", ready.endpoint, "--data", directories[0]!];
  const options = { env: programEnvironment(), encoding: "utf8" } as const;
  return spawnSync(process.execPath, [launcher, ...parameters, ...where], options);
}

test("scheme list: what each scheme costs and survives on these disks", () => {
  const { stdout, stderr } = holdfast("scheme", "list");
  assert.equal(stderr, "");
  assert.match(stdout, /^SCHEME +DISKS +SPACE +REPAIR READS +SURVIVES HERE +KEPT FOR\n/);
  assert.match(stdout, /\nrs-4-2 +6 +1.50x +4x +any 2 of 6 disks +STANDARD, /);
  assert.match(
    stdout,
    /\nlrc-12-2-2 +16 +1.33x +6x \(12x at most\) +takes 16 disks, 7 can be used\n/,
  );
  const answer = JSON.parse(holdfast("scheme", "list", "--json").stdout) as {
    schemes: SchemeReport[];
  };
  assert.equal(answer.schemes.find(({ name }) => name === "rs-4-2")?.overhead, 1.5);
});

test("scheme set, explain, unset: a choice for a class and one for a bucket", async () => {
  const s3 = new S3Connection(ready.endpoint, { ...ready, region: "us-east-1" });
  assert.equal((await s3.send("PUT", "/photos")).status, 200);
  s3.close();
  const set = holdfast("scheme", "set", "copies-3", "--bucket", "photos");
  assert.equal(set.stderr, "");
  assert.match(set.stdout, /^STANDARD in bucket photos \(copies-3 was chosen\)\n {2}Written as 3 /);
  const wide = holdfast("scheme", "set", "rs-10-4", "--class", "STANDARD_IA", "--json");
  const { chosen, wished, atRest } = JSON.parse(wide.stdout) as ClassReport;
  assert.deepEqual([chosen, wished, atRest], ["rs-10-4", "rs-10-4", "rs-4-2"]);
  const explained = holdfast("scheme", "explain").stdout;
  assert.match(explained, /^Disks that take writes: 7 disks\n/);
  assert.match(explained, /\nSTANDARD\n {2}written as +3 copies, acknowledged when 2 are synced\n/);
  assert.match(explained, / {2}because +rs-10-4 takes 14 disks; 7 can be used\.\n/);
  assert.match(explained, /\nSTANDARD in bucket photos \(copies-3 was chosen\)\n/);
  const [place] = (
    JSON.parse(holdfast("scheme", "explain", "--bucket", "photos", "--json").stdout) as {
      places: ClassReport[];
    }
  ).places;
  assert.equal(place?.atRest, "copies-3");
  assert.match(holdfast("scheme", "unset", "--bucket", "photos").stdout, /kept as rs-4-2/);
  const nothing = holdfast("scheme", "explain", "--bucket", "photos");
  assert.deepEqual([nothing.status, nothing.stdout], [2, ""]);
  assert.match(nothing.stderr, /nothing was chosen for bucket photos/);
});

/** The files of the extent in which this text is: all of them are made before it is written. */
function copiesOf(content: string): number {
  const paths = directories.flatMap((directory) => {
    const extents = join(directory, "extents");
    const names = existsSync(extents) ? readdirSync(extents, { recursive: true }) : [];
    return names.map((name) => ({
      directory,
      name: String(name),
      path: join(extents, String(name)),
    }));
  });
  const files = paths.filter(({ name }) => name.endsWith(".extent"));
  const found = files.find(({ path }) => readFileSync(path).includes(content));
  return files.filter(({ name }) => name === found?.name).length;
}

test("scheme set: the next object of a bucket, or of a class of it, is written as was chosen", async () => {
  const s3 = new S3Connection(ready.endpoint, { ...ready, region: "us-east-1" });
  assert.equal((await s3.send("PUT", "/scratch")).status, 200);
  const put = async (name: string, storageClass = "STANDARD"): Promise<number> => {
    const headers = [["x-amz-storage-class", storageClass]] as const;
    const body = `content of ${name}`;
    assert.equal((await s3.send("PUT", `/scratch/${name}`, { headers, body })).status, 200);
    return copiesOf(body);
  };
  assert.match(holdfast("scheme", "set", "copies-2", "--bucket", "scratch").stdout, /copies-2/);
  assert.deepEqual([await put("chosen"), await put("other-class", "GLACIER_IR")], [2, 3]);
  const ofClass = ["--class", "GLACIER_IR", "--bucket", "scratch"];
  assert.match(holdfast("scheme", "set", "copies-2", ...ofClass).stdout, /New objects follow/);
  assert.equal(await put("chosen-class", "GLACIER_IR"), 2);
  assert.equal(holdfast("scheme", "unset", "--bucket", "scratch").status, 0);
  assert.deepEqual([await put("taken-back"), await put("class-again", "GLACIER_IR")], [3, 2]);
  s3.close();
});

test("scheme set: what is wrong is refused with its fix", () => {
  const said = (...parameters: readonly string[]) =>
    holdfast("scheme", ...parameters).stderr.trimEnd();
  assert.match(said("set", "rs-44-2"), /no scheme rs-44-2 \(did you mean rs-4-2\?\)/);
  assert.match(said("set", "rs-4-2", "--class", "GOLD"), /no storage class GOLD/);
  assert.match(said("set", "rs-4-2", "--bucket", "none"), /there is no bucket none/);
  assert.match(said("explain", "--class", "GOLD"), /no storage class GOLD: classes are STANDARD,/);
  assert.match(said("set"), /NAME is missing: holdfast scheme set NAME/);
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

const launcher = resolve(import.meta.dirname, "../../bin/holdfast.js");
const scratch = mkdtempSync(join(tmpdir(), "holdfast-model-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function model(...parameters: string[]) {
  const given = [launcher, "model", "durability", ...parameters];
  return spawnSync(process.execPath, given, { encoding: "utf8", cwd: scratch });
}

test("cli model: a row for each scheme that is shipped, computed and tried", () => {
  const { status, stdout, stderr } = model("--trials", "2000");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^240 disks of 16 TB, 80 % used; 24 racks, each destroyed 0\.001 times/);
  const labels = [
    "2 copies",
    "3 copies",
    "RS(4,2)",
    "RS(8,4)",
    "RS(10,4)",
    "LRC(12,2,2)",
    "RS(20,4)",
  ];
  for (const label of labels) {
    const row = stdout.split("\n").find((line) => line.startsWith(`${label} `)) ?? "";
    assert.match(row, /\d … \d.* at most \d.* survives$/, label);
  }
  assert.match(stdout, /Faults in software and mistakes of people are not in the model/);
});

interface ModelJson {
  readonly seed: number;
  readonly schemes: readonly {
    readonly scheme: string;
    readonly rate: number;
    readonly nines: number;
    readonly lossProbability: number;
    readonly domainsSurvived: number;
    readonly monteCarlo?: { readonly rate: number; readonly agrees: boolean };
  }[];
}

test("cli model: JSON has the numbers behind the table, the same for the same seed", () => {
  const given = ["--json", "--scheme", "rs-8-4,rs-10-4", "--zones", "3", "--trials", "5000"];
  const { status, stdout } = model(...given, "--seed", "9");
  assert.equal(status, 0);
  const report = JSON.parse(stdout) as ModelJson;
  assert.equal(report.seed, 9);
  assert.deepEqual(
    report.schemes.map(({ scheme, domainsSurvived }) => [scheme, domainsSurvived]),
    [
      ["rs-8-4", 3],
      ["rs-10-4", 1],
    ],
  );
  for (const { rate, nines, lossProbability, monteCarlo } of report.schemes) {
    assert.equal(lossProbability, -Math.expm1(-rate));
    assert.equal(nines, -Math.log10(lossProbability));
    assert.ok(monteCarlo !== undefined && monteCarlo.rate > 0);
  }
  assert.equal(model(...given, "--seed", "9").stdout, stdout);
});

test("cli model: a chart is written, and no trials are made if none are wanted", () => {
  const path = join(scratch, "chart.svg");
  const { status, stdout } = model("--trials", "0", "--scheme", "copies-3,rs-6-3", "--svg", path);
  assert.equal(status, 0);
  assert.doesNotMatch(stdout, /…|trials/);
  const svg = readFileSync(path, "utf8");
  assert.match(svg, /^<svg [\s\S]*prefers-color-scheme:dark[\s\S]*3 copies[\s\S]*<\/svg>\n$/);
  assert.match(svg, /RS\(6,3\)/);
  assert.equal(svg.match(/<polyline /g)?.length, 2);
  const nowhere = model("--trials", "0", "--svg", join(scratch, "none/chart.svg"));
  assert.equal(nowhere.status, 1);
  assert.match(nowhere.stderr, /--svg .*none\/chart\.svg: .*no such file/);
});

test("cli model: what means nothing is refused with the fix", () => {
  const still = ["--racks", "99", "--domain-losses", "0", "--latent-errors", "0", "--afr", "9%"];
  const cases: [string[], RegExp][] = [
    [["--scheme", "rs-104"], /"rs-104" is not a scheme \(did you mean rs-10-4\?\)/],
    [["--disks", "10"], /RS\(8,4\) needs 12 disks and there are 10: give --disks 12 or more/],
    [["--disks", "many"], /--disks: "many" is not a number from 1 to/],
    [["--disks", "2.5"], /--disks: 2\.5 is not a whole number/],
    [["--zones", "3", "--racks", "9"], /give --zones or --racks, not both/],
    [["--racks", "300"], /300 racks need as many disks, and there are 240/],
    [["--afr", "2x"], /--afr: "2x" is not a share above 0 and up to 99%: write 2% or 0\.02/],
    [["--afr", "200%"], /--afr: "200%" is not a share/],
    [["--repair-hours", "1", "--repair-mbps", "9"], /give it or --repair-hours, not both/],
    [["--bad-batch", "5%"], /--bad-batch: "5%" is not SHARE:FACTOR, such as 5%:10/],
    [["--bad-batch", "5%:0.5"], /--bad-batch: "0\.5" is not a number from 1 to 1000/],
    [["--scrub-days", "0"], /--scrub-days: "0" is not a number from 0\.01/],
    [["--scheme", "rs-20-20", "--zones", "4"], /more than 60000 states: give more racks/],
    [[...still, "--scheme", "rs-4-60", "--repair-hours", "93000"], /give a lower --afr/],
    [["--sead", "1"], /did you mean --seed\?/],
  ];
  for (const [parameters, message] of cases) {
    const { status, stderr } = model(...parameters);
    assert.match(stderr, message);
    assert.equal(status, 2, stderr);
  }
});

test("cli model: Ctrl-C ends the trials", async () => {
  const folder = mkdtempSync(join(scratch, "stop-"));
  const given = [
    "model",
    "durability",
    "--trials",
    "100000000",
    "--svg",
    join(folder, "chart.svg"),
  ];
  const watcher = watch(folder);
  const begun = once(watcher, "change");
  const child = spawn(process.execPath, [launcher, ...given], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const ended = once(child, "close");
  // The chart comes before the trials, and after it has begun to listen for signals.
  await begun;
  watcher.close();
  child.kill("SIGINT");
  const [status] = (await ended) as [number | null];
  assert.equal(status, 1);
  assert.match(said, /the model was stopped/);
});

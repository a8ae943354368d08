// Generated and malformed requests against a real server of two workers, from seeds: every answer
// is judged, every process, handle and byte of budget accounted for, and what is stored afterwards
// compared with what may be. --count N cases at the most, within --seconds S, from --seed N on or
// from one that the commit decides; one seed is one client with buckets of its own, so each repeats
// by itself.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { checkData, HoldfastServer } from "./acceptance/holdfast-server.ts";
import { firstSeed } from "./first-seed.ts";
import { casesPerSeed, type Finding, SeedRun } from "./fuzz/seed-run.ts";
import { leaks, serverState } from "./fuzz/server-state.ts";
import { FuzzTally } from "./fuzz/fuzz-tally.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seconds: { type: "string", default: "60" },
    count: { type: "string" },
    clients: { type: "string", default: "24" },
  },
});
const limit = values.count === undefined ? Number(values.seconds) : Number.POSITIVE_INFINITY;
const first = firstSeed(values.seed);
const seedsMax =
  values.count === undefined
    ? Number.POSITIVE_INFINITY
    : Math.ceil(Number(values.count) / casesPerSeed);

const folder = await mkdtemp(join(tmpdir(), "holdfast-fuzz-"));
const directories = [join(folder, "one"), join(folder, "two")];
// Low limits: a resource that is not given back is missed sooner.
const limits = ["--requests-per-key", "100", "--requests", "200", "--seal-after", "5s"];
const server = await HoldfastServer.start(directories, {
  more: [...limits, "--upload-idle-days", "0", "--request-log", "off"],
});
const startMs = performance.now();
const seconds = (): number => (performance.now() - startMs) / 1000;
const port = Number(new URL(server.endpoint).port);
const tally = new FuzzTally();
const findings: Finding[] = [];
/** Beyond these, more of the same shows nothing new. */
const findingsMax = 30;

let next = first;
let passed = 0;
let stopped = false;
process.once("SIGINT", () => {
  stopped = true;
});

function report(found: readonly Finding[]): void {
  for (const { seed, what } of found.slice(0, 3)) {
    console.error(
      `FAILED seed ${seed}: ${what}\n  again: npm run fuzz -- --seed ${seed} --count 1`,
    );
  }
  findings.push(...found);
}

async function client(): Promise<void> {
  while (
    !stopped &&
    next - first < seedsMax &&
    seconds() < limit &&
    findings.length < findingsMax
  ) {
    const run = new SeedRun(next++, port, tally);
    await run.run();
    if (run.findings.length === 0) passed++;
    report(run.findings);
  }
}

const before = await serverState(server.pid, server.endpoint);
const progress = setInterval(() => console.log(tally.summary(seconds())), 10_000);
await Promise.all(Array.from({ length: Number(values.clients) }, client));
clearInterval(progress);
const elapsed = seconds();

const general: string[] = [];
try {
  const { complaints, after } = await leaks(before, server.pid, server.endpoint);
  general.push(...complaints);
  const mebibytes = ({ privateBytes }: typeof after): number => privateBytes >> 20;
  console.log(`private memory ${mebibytes(before)} MiB before, ${mebibytes(after)} MiB after`);
  await server.stop();
} catch (error) {
  general.push(`the server does not answer any more: ${String(error)}`);
}
const { code, output } = await checkData(directories);
if (code !== 0) general.push(`check: ${output.slice(-3000)}`);
await rm(folder, { recursive: true, force: true });

console.log(tally.details());
console.log(tally.summary(elapsed));
for (const what of general) console.error(`FAILED after seeds ${first}…${next - 1}: ${what}`);
const failed = new Set(findings.map(({ seed }) => seed)).size + general.length;
const seeds = [...new Set(findings.map(({ seed }) => seed))].join(", ");
if (seeds !== "") console.error(`failing seeds: ${seeds}`);
console.log(
  `fuzz: seeds ${first}…${next - 1} of ${casesPerSeed} cases: ${passed} passed, ${failed} failed`,
);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

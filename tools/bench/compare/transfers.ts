import { readFigures, sumOf } from "../../../src/cli/figures.ts";
import { shortNumber } from "../report/table.ts";
import { BareProcess } from "./bare-process.ts";
import {
  type Comparison,
  type Context,
  measure,
  type Measured,
  median,
  startOurs,
  type Work,
} from "./context.ts";

const smallBytes = 4096;
export const largeBytes = 64 * 1024 ** 2;
/** As many of the small objects as go round. */
const smallKeys = 4000;
const largeKeys = 8;
const largeConnections = 4;

const goals: Readonly<Record<string, string>> = {
  "put 4 KiB": "goal ≥ 15 %",
  "get 4 KiB": "goal ≥ 35 %",
  "put 64 MiB": "goal ≥ 35 %",
  "get 64 MiB": "goal ≥ 60 %",
};

export async function compareSmall(context: Context): Promise<Comparison[]> {
  const { connections } = context;
  return comparePairs(context, { objectBytes: smallBytes, keys: smallKeys, connections }, "4 KiB");
}

export async function compareLarge(context: Context): Promise<Comparison[]> {
  const work = { objectBytes: largeBytes, keys: largeKeys, connections: largeConnections };
  return comparePairs(context, work, "64 MiB");
}

/** Puts, then gets of what was put; each round on both servers, one after the other, and the median of the rounds' ratios. */
async function comparePairs(
  context: Context,
  work: Omit<Work, "operation">,
  size: string,
): Promise<Comparison[]> {
  const ours = await startOurs(context, `transfers-${work.objectBytes}`);
  try {
    using bare = await BareProcess.start(context.workers, work.objectBytes);
    await measure(context, ours.endpoint, { ...work, operation: "put", count: work.keys });
    const before = await syncCounts(ours.endpoint);
    const puts = await compareRounds(context, { ...work, operation: "put" }, [ours, bare], size);
    const after = await syncCounts(ours.endpoint);
    const gets = await compareRounds(context, { ...work, operation: "get" }, [ours, bare], size);
    const shared: Comparison = {
      what: `records to one sync of an extent, put ${size}`,
      unit: "",
      ours: (after.records - before.records) / (after.syncs - before.syncs),
      reference: undefined,
      ratio: undefined,
      goal: "",
      note: `${work.connections} connections`,
    };
    return [puts, gets, ...(work.objectBytes === smallBytes ? [shared] : [])];
  } finally {
    await ours.stop();
  }
}

async function compareRounds(
  context: Context,
  work: Work,
  [ours, bare]: readonly [{ endpoint: string; pid: number }, { endpoint: string }],
  size: string,
): Promise<Comparison> {
  const pairs: { mine: Measured; reference: Measured }[] = [];
  for (let round = 0; round < context.rounds; round++) {
    const reference = await measure(context, bare.endpoint, work);
    pairs.push({ mine: await measure(context, ours.endpoint, work, ours.pid), reference });
  }
  const isSmall = work.objectBytes === smallBytes;
  const rate = (figures: { perSecond: number; megabytesPerSecond: number }): number =>
    isSmall ? figures.perSecond : figures.megabytesPerSecond;
  const name = `${work.operation} ${size}`;
  const [p50, p99] = (["p50", "p99"] as const).map((quantile) =>
    shortNumber(median(pairs.map(({ mine }) => mine.latencyMs[quantile]))),
  );
  const busiest = Math.max(...pairs.map(({ reference }) => reference.load.busy));
  return {
    what: `${name}, ${work.connections} connections`,
    unit: isSmall ? "/s" : "MB/s",
    ours: median(pairs.map(({ mine }) => rate(mine))),
    reference: median(pairs.map(({ reference }) => rate(reference))),
    ratio: median(pairs.map(({ mine, reference }) => rate(mine) / rate(reference))),
    goal: goals[name] ?? "",
    note: `p50 ${p50} ms, p99 ${p99} ms; load of the bare server ${Math.round(busiest * 100)} % busy`,
  };
}

async function syncCounts(endpoint: string): Promise<{ records: number; syncs: number }> {
  const figures = readFigures(await (await fetch(`${endpoint}/-/metrics`)).text());
  return {
    records: sumOf(figures, "holdfast_extent_records_total") ?? 0,
    syncs: sumOf(figures, "holdfast_extent_syncs_total") ?? 0,
  };
}

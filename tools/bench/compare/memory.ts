import { readFigures, sumOf } from "../../../src/cli/figures.ts";
import { runLoad } from "../load/run-load.ts";
import { shortNumber } from "../report/table.ts";
import { type Comparison, type Context, planOf, startOurs } from "./context.ts";
import { largeBytes } from "./transfers.ts";

/** Of the context's seconds: until every upload has passed through all its stages on a slow machine, too. */
const roundSecondsFactor = 4;

/**
 * Private memory of the whole tree while many large uploads come in at once, and once more: what grows from run to run is
 * a leak. Uploads that take longer than a run are broken off, so that it ends on any machine.
 */
export async function compareMemory(context: Context): Promise<Comparison[]> {
  const ours = await startOurs(context, "memory");
  try {
    const found: Comparison[] = [];
    for (const round of ["at once", "once more"]) {
      found.push(await compareRound(context, ours, round));
      context.signal.throwIfAborted();
    }
    return found;
  } finally {
    await ours.stop();
  }
}

async function compareRound(
  context: Context,
  { endpoint, pid }: { endpoint: string; pid: number },
  round: string,
): Promise<Comparison> {
  const { uploads } = context;
  const seconds = context.seconds * roundSecondsFactor;
  const work = { operation: "put", objectBytes: largeBytes, connections: uploads } as const;
  const plan = planOf({ ...context, seconds }, endpoint, {
    ...work,
    keys: uploads,
    breaksOff: true,
  });
  const onProgress = context.progress.of(`memory ${endpoint}`, { seconds, count: Infinity });
  const before = await bytesAppended(endpoint);
  const { server } = await runLoad(plan, { onProgress, serverPid: pid, signal: context.signal });
  const megabytes = ((await bytesAppended(endpoint)) - before) / 1e6;
  const { privateBytes, processes } = server ?? { processes: 0, privateBytes: undefined };
  const [most, last] = [(privateBytes?.most ?? 0) / 1e6, (privateBytes?.last ?? 0) / 1e6];
  return {
    what: `private memory of the tree, ${uploads} uploads of 64 MiB ${round}`,
    unit: "MB",
    ours: most,
    reference: undefined,
    ratio: undefined,
    goal: "goal ≤ 600 MB",
    note: `${processes} processes; ${shortNumber(last)} MB at last; ${shortNumber(megabytes)} MB taken in ${seconds} s`,
  };
}

async function bytesAppended(endpoint: string): Promise<number> {
  const figures = readFigures(await (await fetch(`${endpoint}/-/metrics`)).text());
  return sumOf(figures, "holdfast_extent_bytes_total") ?? 0;
}

// Spends processor time on requests, as its parent says: a burst of one kind after the other, each
// answered with what it took. Usage: spend-time.ts FOLDER, where a store is made; forked.
import { type LocalRequest, openLocalFrontEnd } from "./local-front-end.ts";
import { refusal, type RequestKind, Requests } from "./requests.ts";

export interface Burst {
  readonly kind: RequestKind;
  readonly count: number;
  readonly connections: number;
}

/** The cost of a burst: microseconds of processor for one request. */
export interface BurstCost {
  /** All threads of the process. */
  readonly micros: number;
  /** The event loop's thread. */
  readonly mainMicros: number;
}

export type FromBursts =
  | { readonly type: "ready" }
  | { readonly type: "cost"; readonly cost: BurstCost }
  | { readonly type: "failed"; readonly message: string };

const [folder = "", ...kinds] = process.argv.slice(2);
const frontEnd = await openLocalFrontEnd(folder);
const requests = await Requests.prepare(frontEnd, kinds as RequestKind[]); // from our parent
process.on("message", (burst: Burst) => {
  spend(burst).then(
    (cost) => tell({ type: "cost", cost }),
    (error: unknown) => tell({ type: "failed", message: String(error) }),
  );
});
process.once("disconnect", () => {
  void frontEnd.close().finally(() => process.exit(0));
});
tell({ type: "ready" });

function tell(message: FromBursts): void {
  if (process.connected) process.send?.(message);
}

async function spend({ kind, count, connections }: Burst): Promise<BurstCost> {
  const all = await requests.make(kind, count);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await ask(all[next++]!);
  };
  const [main, whole] = [process.threadCpuUsage(), process.cpuUsage()];
  await Promise.all(Array.from({ length: connections }, lane));
  const [mainSpent, wholeSpent] = [process.threadCpuUsage(main), process.cpuUsage(whole)];
  return {
    micros: (wholeSpent.user + wholeSpent.system) / count,
    mainMicros: (mainSpent.user + mainSpent.system) / count,
  };
}

async function ask(request: LocalRequest): Promise<void> {
  const { status, body } = await frontEnd.send(request);
  if (status !== 200 && status !== 204) throw new Error(refusal(request, status, body));
}

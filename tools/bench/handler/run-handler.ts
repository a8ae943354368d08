import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../report/figures.ts";
import { alignColumns, shortNumber } from "../report/table.ts";
import { type Checkout, checkoutsOf, scriptOf, workerEnvironment } from "./checkouts.ts";
import type { HandlerRun } from "./handler-flags.ts";
import type { RequestKind } from "./requests.ts";
import type { Burst, BurstCost, FromBursts } from "./spend-time.ts";

/** Requests of each kind that take a few tenths of a second. */
const burstRequests: Readonly<Record<RequestKind, number>> = {
  "get 4 KiB": 4000,
  "head 4 KiB": 4000,
  "put 4 KiB": 1500,
  "delete 4 KiB": 1500,
  "part 4 KiB": 1500,
  "delete 1,000 keys": 4,
  "list 1,000 keys": 30,
  "list 1,000 versions": 30,
  "list 1,000 folders": 30,
  "put 64 KiB": 300,
  "put 256 KiB": 100,
  "get 256 KiB": 400,
};

/** Bursts before any is measured: code is compiled, caches are filled. */
const warmUpBursts = 3;

/** The costs of requests of one kind, burst by burst; those of one place were measured in turn. */
export interface KindCosts {
  readonly kind: RequestKind;
  readonly checkouts: readonly { readonly name: string; readonly bursts: readonly BurstCost[] }[];
}

/** Measures each kind of request in each checkout, in turn, and prints. */
export async function runHandler(run: HandlerRun): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-handler-"));
  const spenders: Spender[] = [];
  try {
    for (const checkout of checkoutsOf(run.against)) {
      spenders.push(await Spender.start(checkout, join(folder, checkout.name), run.kinds));
    }
    for (const spender of spenders) await warmUp(run, spender);
    const found: KindCosts[] = [];
    for (const kind of run.kinds) found.push(await measureKind(run, kind, spenders));
    const terms = { rounds: run.rounds, connections: run.connections, loadAverage: loadavg()[0] };
    if (run.json) console.log(JSON.stringify({ ...terms, found }));
    else console.log(`${JSON.stringify(terms)}\n\n${renderCosts(found)}`);
  } finally {
    for (const spender of spenders) await spender.end();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * All kinds first: V8's compilers, which work on other threads, are done when the first one is
 * measured.
 */
async function warmUp(run: HandlerRun, spender: Spender): Promise<void> {
  for (let i = 0; i < warmUpBursts; i++) {
    for (const kind of run.kinds) await spender.spend(burstOf(run, kind));
  }
}

function burstOf({ connections, requests }: HandlerRun, kind: RequestKind): Burst {
  return { kind, count: Math.min(requests ?? Infinity, burstRequests[kind]), connections };
}

async function measureKind(
  run: HandlerRun,
  kind: RequestKind,
  spenders: readonly Spender[],
): Promise<KindCosts> {
  const burst = burstOf(run, kind);
  const costs = spenders.map(({ name }) => ({ name, bursts: [] as BurstCost[] }));
  for (let round = 0; round < run.rounds; round++) {
    const order = [...spenders.keys()];
    if (round % 2 === 1) order.reverse();
    for (const i of order) costs[i]!.bursts.push(await spenders[i]!.spend(burst));
  }
  return { kind, checkouts: costs };
}

/** The process that measures one checkout. */
class Spender {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#ended = new Promise((done) => child.once("exit", () => done()));
  }

  static async start(
    checkout: Checkout,
    folder: string,
    kinds: readonly RequestKind[],
  ): Promise<Spender> {
    const child = fork(scriptOf(checkout, "spend-time.ts"), [folder, ...kinds], {
      env: { ...process.env, ...workerEnvironment },
    });
    const spender = new Spender(checkout.name, child);
    const first = await spender.#next();
    if (first.type !== "ready") throw new Error(`${checkout.root}: it did not get ready`);
    return spender;
  }

  async spend(burst: Burst): Promise<BurstCost> {
    const next = this.#next();
    this.#child.send(burst);
    const message = await next;
    if (message.type === "cost") return message.cost;
    throw new Error(
      `${this.name}: ${message.type === "failed" ? message.message : "no cost was reported"}`,
    );
  }

  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  #next(): Promise<FromBursts> {
    return new Promise((done, fail) => {
      const onExit = (code: number | null): void => {
        fail(new Error(`${this.name}: the process ended with ${code}`));
      };
      this.#child.once("exit", onExit);
      this.#child.once("message", (message) => {
        this.#child.off("exit", onExit);
        done(message as FromBursts); // from spend-time.ts
      });
    });
  }
}

/** Medians of the bursts; the ratio is the median of the rounds' ratios. */
export function renderCosts(found: readonly KindCosts[]): string {
  const names = found[0]?.checkouts.map(({ name }) => name) ?? [];
  const titles = ["µs a request", ...names.flatMap((name) => [name, "main thread"])];
  if (names.length > 1) titles.push("this / other", "least … most");
  const rows = found.map(({ kind, checkouts }) => {
    const medians = checkouts.flatMap(({ bursts }) => [
      median(bursts.map(({ micros }) => micros)),
      median(bursts.map(({ mainMicros }) => mainMicros)),
    ]);
    return [kind, ...medians.map(shortNumber), ...ratiosOf(checkouts)];
  });
  return alignColumns([titles, ...rows]);
}

function ratiosOf([ours, other]: KindCosts["checkouts"]): string[] {
  if (ours === undefined || other === undefined) return [];
  const ratios = ours.bursts.map(({ micros }, i) => micros / (other.bursts[i]?.micros ?? micros));
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return [median(ratios).toFixed(2), `${least.toFixed(2)} … ${most.toFixed(2)}`];
}

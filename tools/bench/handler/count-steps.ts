// Counts what one request does: calls of functions, files they are in, promises. Prints JSON.
// Usage: count-steps.ts FOLDER, where a store is made.
import { resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { type LocalRequest, openLocalFrontEnd } from "./local-front-end.ts";
import { refusal, type RequestKind, Requests } from "./requests.ts";
import { type FileSteps, type Steps, StepCounter } from "./step-counter.ts";

/** The steps of one request; where several come at once, the mean of them. */
export interface StepFigures {
  readonly kind: string;
  readonly atOnce: number;
  readonly calls: number;
  readonly files: number;
  readonly promises: number;
  readonly byFile: readonly (FileSteps & { readonly file: string })[];
}

const kinds: readonly RequestKind[] = ["put 4 KiB", "get 4 KiB"];
/** Requests before the count, so that every cache is filled and every lane is open. */
const warmUpRequests = 300;
const repeats = 21;
const togetherRequests = 32;

const [folder = ""] = process.argv.slice(2);
const frontEnd = await openLocalFrontEnd(folder);
const requests = await Requests.prepare(frontEnd, kinds);
const found: StepFigures[] = [];
const source = `${resolve(import.meta.dirname, "../../../src")}/`;
for (const kind of kinds) {
  for (const request of await requests.make(kind, warmUpRequests)) await ask(request);
  using counter = new StepCounter({ source, driver: `${import.meta.dirname}/` });
  for (const atOnce of [1, togetherRequests]) {
    const all: Steps[] = [];
    for (let i = 0; i < repeats; i++) {
      const some = await requests.make(kind, atOnce);
      await settled();
      counter.begin();
      await Promise.all(some.map(ask));
      await settled(); // what is done behind the answer belongs to the request
      all.push(counter.end());
    }
    found.push(figuresOf(kind, atOnce, medianOf(all)));
  }
}
console.log(JSON.stringify(found));
await frontEnd.close();

async function ask(request: LocalRequest): Promise<void> {
  const { status, body } = await frontEnd.send(request);
  if (status !== 200) throw new Error(refusal(request, status, body));
}

async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await turn();
}

/** The middle one by calls: not one that a timer of the process fell into. */
function medianOf(all: readonly Steps[]): Steps {
  const middle = all.toSorted((a, b) => a.calls - b.calls)[Math.floor(all.length / 2)];
  if (middle === undefined) throw new Error("nothing was counted");
  return middle;
}

function figuresOf(kind: string, atOnce: number, steps: Steps): StepFigures {
  const each = (count: number): number => count / atOnce;
  const byFile = [...steps.files]
    .map(([file, { calls, promises }]) => ({ file, calls: each(calls), promises: each(promises) }))
    .toSorted((a, b) => b.calls + b.promises - a.calls - a.promises);
  const files = byFile.filter(({ calls }) => calls > 0).length;
  return {
    kind,
    atOnce,
    calls: each(steps.calls),
    files,
    promises: each(steps.promises),
    byFile,
  };
}

import { Session } from "node:inspector";
import { fileURLToPath } from "node:url";
import { getCallSites } from "node:util";
import { promiseHooks } from "node:v8";

/** The steps between `begin` and `end`, in all and by file. */
export interface Steps {
  readonly calls: number;
  readonly promises: number;
  readonly files: ReadonlyMap<string, FileSteps>;
}

export interface FileSteps {
  readonly calls: number;
  readonly promises: number;
}

export interface StepCounterOptions {
  /** The folder whose files are counted, with a slash at its end. */
  readonly source: string;
  /** Files whose promises are not counted: those of who asks. */
  readonly driver: string;
}

interface FunctionCoverage {
  readonly ranges: readonly { readonly count: number }[];
}

export interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly FunctionCoverage[];
}

/** Frames looked at for the file that made a promise. */
const framesMax = 60;

/**
 * Counts calls of functions (V8's precise coverage: a call each time a function is entered, and
 * each time a suspended one goes on) and promises (every promise that V8 makes, also those that an
 * `await` makes). While it exists V8 optimises nothing, so time is not to be measured meanwhile.
 */
export class StepCounter implements Disposable {
  readonly #options: StepCounterOptions;
  readonly #session = new Session();
  readonly #stopHook: () => void;
  #promises: Map<string, number> | undefined;

  constructor(options: StepCounterOptions) {
    this.#options = options;
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    // Typed as Function.
    this.#stopHook = promiseHooks.onInit(() => this.#madePromise()) as () => void;
  }

  begin(): void {
    this.#take();
    this.#promises = new Map();
  }

  end(): Steps {
    const promises = this.#promises ?? new Map<string, number>();
    this.#promises = undefined;
    return stepsOf(this.#take(), promises, this.#options.source);
  }

  [Symbol.dispose](): void {
    this.#stopHook();
    this.#session.disconnect();
  }

  #madePromise(): void {
    if (this.#promises === undefined) return;
    const file = makerOf(stackFiles(), this.#options);
    if (file !== undefined) this.#promises.set(file, (this.#promises.get(file) ?? 0) + 1);
  }

  #take(): readonly ScriptCoverage[] {
    // As the protocol says.
    return (this.#post("Profiler.takePreciseCoverage") as { result: ScriptCoverage[] }).result;
  }

  /** The session is in the same thread, so the answer is there when the call returns. */
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}

/**
 * The sum of both counts; calls of files outside `source` are left out, and of files that nothing
 * called.
 */
export function stepsOf(
  coverage: readonly ScriptCoverage[],
  promises: ReadonlyMap<string, number>,
  source: string,
): Steps {
  const calls = new Map<string, number>();
  for (const { url, functions } of coverage) {
    const file = pathOf(url);
    if (!file.startsWith(source)) continue;
    const count = functions.reduce((sum, { ranges }) => sum + (ranges[0]?.count ?? 0), 0);
    const name = file.slice(source.length);
    if (count > 0) calls.set(name, (calls.get(name) ?? 0) + count);
  }
  const files = new Map<string, FileSteps>();
  for (const name of new Set([...calls.keys(), ...promises.keys()])) {
    files.set(name, { calls: calls.get(name) ?? 0, promises: promises.get(name) ?? 0 });
  }
  const sumOf = (counts: ReadonlyMap<string, number>): number =>
    [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { calls: sumOf(calls), promises: sumOf(promises), files };
}

/**
 * Who made a promise, by the files on the stack, innermost first: the nearest of the source, or
 * else the nearest package. Undefined where that was the driver.
 */
export function makerOf(
  stack: readonly string[],
  { source, driver }: StepCounterOptions,
): string | undefined {
  const own = stack.find((file) => file.startsWith(source) || file.startsWith(driver));
  if (own?.startsWith(source) === true) return own.slice(source.length);
  if (own !== undefined) return undefined;
  const foreign = stack.find((file) => file.includes("/node_modules/"));
  const name = foreign?.split("/node_modules/").at(-1)?.split("/")[0];
  return name === undefined ? "(node)" : `(${name})`;
}

function stackFiles(): string[] {
  return getCallSites(framesMax)
    .map(({ scriptName }) => pathOf(scriptName))
    .filter((file) => file !== import.meta.filename);
}

function pathOf(script: string): string {
  return script.startsWith("file:") ? fileURLToPath(script) : script;
}

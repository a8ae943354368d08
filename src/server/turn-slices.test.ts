import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../platform/platform.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../platform/http.ts";
import { beginInSlices } from "./turn-slices.ts";

/** Each request is its number, takes that many tenths of a millisecond, and answers with itself. */
class TurnBench {
  readonly begun: number[] = [];
  #nowMs = 0;
  #turns: (() => void)[] = [];
  readonly #clock = {
    monotonicMs: () => this.#nowMs,
    turn: () => new Promise<void>((resolve) => this.#turns.push(resolve)),
  } as Clock; // nothing else of it is asked
  readonly handler: HttpHandler = beginInSlices(this.#clock, (request) => {
    const number = request as unknown as number; // see above
    this.begun.push(number);
    this.#nowMs += number / 10;
    if (number === 9) throw new Error("nine");
    return number as unknown as HttpResponse;
  });

  send(...numbers: number[]) {
    return numbers.map((number) => this.handler(number as unknown as HttpRequest));
  }

  async turn(): Promise<void> {
    const turns = this.#turns;
    this.#turns = [];
    for (const resolve of turns) resolve();
    await new Promise(setImmediate);
  }
}

test("requests of one turn begin within a slice; the others in the next turns, in order of arrival", async () => {
  const bench = new TurnBench();
  const answers = bench.send(6, 5, 4, 7, 3);
  assert.deepEqual(answers.slice(0, 2), [6, 5], "answered without a promise");
  assert.deepEqual(bench.begun, [6, 5]);
  await bench.turn();
  assert.deepEqual(bench.begun, [6, 5, 4, 7]);
  answers.push(...bench.send(2));
  await bench.turn();
  assert.deepEqual(bench.begun, [6, 5, 4, 7, 3, 2]);
  const all = await Promise.all(answers.map(async (answer) => answer));
  assert.deepEqual(all, [6, 5, 4, 7, 3, 2]);
  await bench.turn();
  assert.deepEqual(bench.send(1), [1], "a slice of its own again");
});

test("a request that began in a later turn fails as its handler does, and holds up no other", async () => {
  const bench = new TurnBench();
  const [, failing, next] = bench.send(20, 9, 1);
  const failed = assert.rejects(Promise.resolve(failing), /nine/);
  await bench.turn();
  await failed;
  assert.equal(await next, 1);
});

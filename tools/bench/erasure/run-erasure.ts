// How fast shards are combined on one core: encoding, and decoding of what is lost, by code.
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import type { Code, ShardPlan } from "../../../src/erasure/code.ts";
import { codeOf } from "../../../src/erasure/codes.ts";
import { plainCombiner } from "../../../src/erasure/combine.ts";
import { combineKernelBytes } from "../../../src/node/platform/combine-kernel.ts";
import { KernelCombiner } from "../../../src/node/platform/combiner.ts";
import { KernelMemory } from "../../../src/node/platform/kernel-memory.ts";
import { whole } from "../flag-values.ts";
import { median } from "../report/figures.ts";
import { alignColumns, shortNumber } from "../report/table.ts";

export const erasureHelp = `npm run bench -- --only erasure [flags]: encodes and decodes shards on
one core
  --rounds N          of each figure, of which the middle one is shown (5)`;

/** True if the flags ask for this measurement. */
export function isErasureRun(args: readonly string[]): boolean {
  return args.includes("--only=erasure") || args[args.indexOf("--only") + 1] === "erasure";
}

const kibibyte = 1024;
const blockBytes = 64 * kibibyte;
const stripBytes = 1024 * kibibyte;
/** Far more than the cache that cores share. */
const memoryBytes = 256 * 1024 * kibibyte;
/** Bytes read by each round: some tenths of a second. */
const roundBytes = 1e9;
/** The plain combiner is a hundred times slower. */
const plainRoundBytes = 2e7;

interface Work {
  readonly name: string;
  readonly code: Code;
  readonly plan: ShardPlan;
}

function works(): Work[] {
  const rs = (data: number, parity: number): Code => codeOf({ code: "rs", data, parity });
  const lrc = codeOf({ code: "lrc", data: 12, parity: 4 });
  const encode = (code: Code): Work => ({ name: "encode", code, plan: code.encoding });
  const decode = (name: string, code: Code, wanted: readonly number[], lost = wanted): Work => {
    const all = [...code.encoding.reads, ...code.encoding.wanted];
    const plan = code.repairPlan(
      wanted,
      all.filter((shard) => !lost.includes(shard)),
    );
    assert.ok(plan !== undefined);
    return { name, code, plan };
  };
  return [
    encode(rs(10, 4)),
    decode("decode 1", rs(10, 4), [0]),
    decode("decode 1, without parity 0", rs(10, 4), [0], [0, 10]),
    decode("decode 4", rs(10, 4), [0, 1, 2, 3]),
    encode(lrc),
    decode("decode 1 in its group", lrc, [0]),
    decode("decode 1 of 2 lost in a group", lrc, [0], [0, 1]),
    encode(rs(8, 4)),
    encode(rs(4, 2)),
    encode(rs(20, 4)),
  ];
}

interface Stripe {
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

type Allocate = (bytes: number) => Uint8Array;

/** Stripes that have so many bytes together. */
function stripesOf({ plan }: Work, bytes: number, total: number, allocate: Allocate): Stripe[] {
  const shards = plan.reads.length + plan.wanted.length;
  const make = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => {
      const shard = allocate(bytes);
      for (let at = 0; at < bytes; at += 7) shard[at] = at;
      return shard;
    });
  return Array.from({ length: Math.max(1, Math.floor(total / bytes / shards)) }, () => ({
    inputs: make(plan.reads.length),
    outputs: make(plan.wanted.length),
  }));
}

type Combine = (stripe: Stripe, plan: ShardPlan) => void | Promise<void>;
type Spent = () => number;

/** GB/s of the shards that are read, the middle of several rounds after one of warm-up. */
async function rateOf(
  { plan }: Work,
  stripes: readonly Stripe[],
  combine: Combine,
  options: { readonly rounds: number; readonly bytes: number; readonly spentUs: Spent },
): Promise<string> {
  const bytes = stripes[0]!.inputs.reduce((sum, input) => sum + input.length, 0);
  const calls = Math.max(stripes.length, Math.ceil(options.bytes / bytes));
  const rates: number[] = [];
  for (let round = -1; round < options.rounds; round++) {
    const before = options.spentUs();
    for (let i = 0; i < calls; i++) {
      const done = combine(stripes[i % stripes.length]!, plan);
      if (done !== undefined) await done;
    }
    if (round >= 0) rates.push((calls * bytes) / 1e3 / (options.spentUs() - before));
  }
  for (const { inputs, outputs } of stripes) check(plan, inputs, outputs);
  return shortNumber(median(rates));
}

/** A figure counts if what was computed is right, here at the end of the shards. */
function check(plan: ShardPlan, inputs: readonly Uint8Array[], outputs: Stripe["outputs"]): void {
  const tail = (shard: Uint8Array): Uint8Array => new Uint8Array(shard.subarray(-100));
  const expected = outputs.map(() => new Uint8Array(100));
  plainCombiner.combine(expected, inputs.map(tail), plan.coefficients);
  assert.deepEqual(outputs.map(tail), expected);
}

const processorUs: Spent = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const passedUs: Spent = () => performance.now() * 1000;

/** Throws an Error that says what is wrong with the flags. */
export async function runErasure(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: "string" }, rounds: { type: "string", default: "5" } },
  });
  const rounds = whole("rounds", values.rounds);
  const rows = [["GB/s of shards read", "cached", "memory", "elsewhere", "thread", "plain"]];
  for (const work of works()) rows.push(await rowOf(work, rounds));
  console.log(alignColumns(rows));
}

async function rowOf(work: Work, rounds: number): Promise<string[]> {
  const memory = KernelMemory.create(2 * combineKernelBytes + 2 * memoryBytes);
  const combiner = new KernelCombiner(memory);
  const allocate: Allocate = (bytes) => memory.allocate(bytes);
  const here: Combine = ({ outputs, inputs }, { coefficients }) =>
    combiner.combine(outputs, inputs, coefficients);
  const thread: Combine = ({ outputs, inputs }, { coefficients }) =>
    combiner.combineOffThread(outputs, inputs, coefficients);
  const plain: Combine = ({ outputs, inputs }, { coefficients }) =>
    plainCombiner.combine(outputs, inputs, coefficients);
  const options = { rounds, bytes: roundBytes, spentUs: processorUs };
  const cached = stripesOf(work, blockBytes, 0, allocate);
  const large = stripesOf(work, stripBytes, memoryBytes, allocate);
  const elsewhere = stripesOf(work, blockBytes, 0, (bytes) => new Uint8Array(bytes));
  const figures = [
    await rateOf(work, cached, here, options),
    await rateOf(work, large, here, options),
    await rateOf(work, elsewhere, here, options),
    await rateOf(work, large, thread, { ...options, spentUs: passedUs }),
    await rateOf(work, elsewhere, plain, { ...options, bytes: plainRoundBytes }),
  ];
  await combiner.running?.terminate();
  const { name, data, parity } = work.code;
  const code = name === "rs" ? `RS(${data},${parity})` : `LRC(${data},2,2)`;
  return [`${code} ${work.name}`, ...figures];
}

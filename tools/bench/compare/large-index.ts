import { medianStartMs } from "../../../test/acceptance/holdfast-server.ts";
import type { KeySpace } from "../load/key-space.ts";
import { shortNumber } from "../report/table.ts";
import {
  type Comparison,
  type Context,
  directoryOf,
  fillStore,
  measure,
  median,
  startOurs,
} from "./context.ts";

const fewKeysMax = 10_000;
const stores = { few: "index-of-few", many: "index-of-many" } as const;

/** In order, and as many to a folder in either store: a page is as much work in both but for the size of the index. */
function spaceOf(count: number): KeySpace {
  return { count, pattern: "folders", prefix: "", sizes: [[1, 1]], seed: 1 };
}

/** The time of a page of 1,000 in a store of many keys to that in a store of 10,000, round by round. */
export async function compareLists(context: Context): Promise<Comparison[]> {
  const fewKeys = Math.min(fewKeysMax, Math.ceil(context.keys / 2));
  for (const [name, count] of [
    [stores.few, fewKeys],
    [stores.many, context.keys],
  ] as const) {
    await (await startOurs(context, name)).stop();
    await fillStore(context, name, spaceOf(count));
  }
  const few = await startOurs(context, stores.few);
  const many = await startOurs(context, stores.many);
  try {
    const found: Comparison[] = [];
    for (const delimiter of ["", "/"]) {
      const work = { operation: "list", objectBytes: 1, connections: 1, delimiter } as const;
      const pairs = [];
      for (let round = 0; round < context.rounds; round++) {
        const pageOf = async (endpoint: string, count: number): Promise<number> => {
          // Pages begin in the first half, so that each is full, of folders too.
          const space = spaceOf(Math.ceil(count / 2));
          return (await measure(context, endpoint, { ...work, keys: space.count, space })).latencyMs
            .p50;
        };
        const reference = await pageOf(few.endpoint, fewKeys);
        pairs.push({ mine: await pageOf(many.endpoint, context.keys), reference });
      }
      found.push({
        what: `LIST page of 1,000${delimiter === "" ? "" : ` with delimiter ${delimiter}`}`,
        unit: "ms",
        ours: median(pairs.map(({ mine }) => mine)),
        reference: median(pairs.map(({ reference }) => reference)),
        ratio: median(pairs.map(({ mine, reference }) => mine / reference)),
        goal: "goal ≤ 150 %",
        note: `${shortNumber(context.keys)} keys, beside ${shortNumber(fewKeys)}; one connection, median page`,
      });
    }
    return [...found];
  } finally {
    await few.stop();
    await many.stop();
  }
}

/** Times of starts; of the store that was listed, where it was made. */
export async function compareStarts(context: Context, hasMany: boolean): Promise<Comparison[]> {
  const empty = await medianStartMs([directoryOf(context, "empty")]);
  const full = hasMany ? await medianStartMs([directoryOf(context, stores.many)]) : undefined;
  return [
    {
      what: `start${hasMany ? `, ${shortNumber(context.keys)} keys beside none` : " of an empty store"}`,
      unit: "ms",
      ours: full ?? empty,
      reference: full === undefined ? undefined : empty,
      ratio: full === undefined ? undefined : full / empty,
      goal: "",
      note: "median of three",
    },
  ];
}

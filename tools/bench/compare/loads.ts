import type { KeyPattern } from "../load/key-space.ts";
import type { Operation } from "../load/plan.ts";
import type { Shares } from "../load/shares.ts";

export const loadGroups = [
  "small",
  "mixed",
  "middle",
  "list",
  "multipart",
  "large",
  "memory",
] as const;
/** What `--only` may name: the loads, and how long a start takes. */
export const comparisonGroups = [...loadGroups, "start"] as const;

export type LoadGroup = (typeof loadGroups)[number];

/**
 * One load that every store is put under, a row of the table (in a mixture, one for each
 * operation).
 */
export interface Load {
  readonly name: string;
  readonly group: LoadGroup;
  readonly mix: Shares<Operation>;
  /** The sizes of objects, in bytes. */
  readonly sizes: Shares<number>;
  readonly keys: number;
  readonly pattern: KeyPattern;
  /** Loads of one prefix share their objects. */
  readonly prefix: string;
  readonly delimiter: string;
  readonly connections: number;
  /** The unit of the rate. */
  readonly unit: "/s" | "MB/s";
  /** When its objects are stored, which is not measured. */
  readonly stores: "nothing" | "once" | "each round";
  /** A bare server answers with so many bytes; undefined where there is nothing to compare with. */
  readonly bareBytes: number | undefined;
  /** Ends with the time: what is under way then is not waited for. */
  readonly breaksOff: boolean;
  /** The multiple of the time and rounds that other loads have. */
  readonly longer: number;
  readonly roundsMax: number;
}

export interface LoadOptions {
  /** Connections of the small loads, where there are many. */
  readonly connections: number;
  /** Keys in the large bucket that is listed. */
  readonly keys: number;
  /** Large ones at once, while memory is measured. */
  readonly uploads: number;
  /** Small objects that are used in turn: few enough for every cache. */
  readonly objects: number;
}

const smallBytes = 4096;
const largeBytes = 64 * 1024 ** 2;
const largeKeys = 8;
const middleConnections = 8;
const largeConnections = 4;
const fewKeysMax = 10_000;
/** The part of the objects used with few connections: it takes long enough. */
const fewShare = 4;

/** Loads in the order they are run: what fills the stores most comes last. */
export function loadsOf(options: LoadOptions): readonly Load[] {
  return [
    ...smallLoads(options),
    mixedLoad(options),
    ...middleLoads(options),
    ...listLoads(options),
    ...largeLoads(),
    memoryLoad(options),
  ];
}

const plain = {
  sizes: [[smallBytes, 1]],
  pattern: "sequential",
  delimiter: "",
  unit: "/s",
  stores: "once",
  bareBytes: undefined,
  breaksOff: false,
  longer: 1,
  roundsMax: Infinity,
} as const;

function smallLoads({ connections: many, objects }: LoadOptions): Load[] {
  const counts = [...new Set([many, 4, 1])];
  return (["put", "get", "head", "delete"] as const).flatMap((operation) =>
    counts.map((connections): Load => {
      const isDelete = operation === "delete";
      const few = Math.ceil(objects / fewShare);
      return {
        ...plain,
        ...(isDelete && { stores: "each round" }),
        keys: isDelete && connections !== many ? few : objects,
        name: `${operation} 4 KiB, ${countOf(connections)}`,
        group: "small",
        mix: [[operation, 1]],
        prefix: isDelete ? "deleted/" : "small/",
        connections,
        bareBytes: smallBytes,
      };
    }),
  );
}

function mixedLoad({ connections, objects }: LoadOptions): Load {
  const mix = [
    ["get", 70],
    ["put", 20],
    ["list", 5],
    ["delete", 5],
  ] as const;
  const sizes = [
    [smallBytes, 1],
    [256 * 1024, 1],
  ] as const;
  const name = `70/20/5/5 of 4 and 256 KiB, ${countOf(connections)}`;
  const keys = objects;
  return { ...plain, name, group: "mixed", mix, sizes, keys, prefix: "mixed/", connections };
}

function middleLoads({ objects }: LoadOptions): Load[] {
  return (["put", "get"] as const).flatMap((operation) =>
    [64, 256].map((kibibytes): Load => {
      const bytes = kibibytes * 1024;
      return {
        ...plain,
        name: `${operation} ${kibibytes} KiB, ${countOf(middleConnections)}`,
        group: "middle",
        mix: [[operation, 1]],
        sizes: [[bytes, 1]],
        keys: Math.ceil(objects / fewShare),
        prefix: `middle-${kibibytes}/`,
        connections: middleConnections,
        unit: "MB/s",
        bareBytes: bytes,
      };
    }),
  );
}

function listLoads({ keys, connections }: LoadOptions): Load[] {
  const few = Math.min(fewKeysMax, Math.ceil(keys / 2));
  return [
    { count: few, pattern: "sequential", delimiter: "", at: connections },
    { count: few, pattern: "folders", delimiter: "/", at: connections },
    { count: few, pattern: "sequential", delimiter: "", at: 1 },
    { count: keys, pattern: "sequential", delimiter: "", at: connections },
    { count: keys, pattern: "sequential", delimiter: "", at: 1 },
  ].map(({ count, pattern, delimiter, at }): Load => {
    const by = delimiter === "" ? "" : ` by ${delimiter}`;
    return {
      ...plain,
      name: `list 1,000 of ${count.toLocaleString("en-US")} keys${by}, ${countOf(at)}`,
      group: "list",
      mix: [["list", 1]],
      sizes: [[1, 1]],
      keys: count,
      pattern: pattern as KeyPattern, // of the few above
      prefix: `list-${pattern}-${count}/`,
      delimiter,
      connections: at,
    };
  });
}

function largeLoads(): Load[] {
  const counts = [largeConnections, 1];
  const large = { ...plain, sizes: [[largeBytes, 1]], keys: largeKeys, unit: "MB/s" } as const;
  const multipart: Load = {
    ...large,
    name: `multipart 64 MiB in parts of 8 MiB, ${countOf(largeConnections)}`,
    group: "multipart",
    mix: [["multipart", 1]],
    prefix: "multipart/",
    connections: largeConnections,
    stores: "nothing",
  };
  const transfers = (["put", "get"] as const).flatMap((operation) =>
    counts.map((connections): Load => ({
      ...large,
      name: `${operation} 64 MiB, ${countOf(connections)}`,
      group: "large",
      mix: [[operation, 1]],
      prefix: "large/",
      connections,
      bareBytes: largeBytes,
    })),
  );
  return [multipart, ...transfers];
}

/** Twice, so that what grows from run to run is seen. */
function memoryLoad({ uploads }: LoadOptions): Load {
  return {
    ...plain,
    name: `${uploads} uploads of 64 MiB at once`,
    group: "memory",
    mix: [["put", 1]],
    sizes: [[largeBytes, 1]],
    keys: uploads,
    prefix: "memory/",
    connections: uploads,
    unit: "MB/s",
    stores: "nothing",
    breaksOff: true,
    longer: 4,
    roundsMax: 2,
  };
}

function countOf(connections: number): string {
  return connections === 1 ? "1 connection" : `${connections} connections`;
}

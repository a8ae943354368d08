// Small reads of extents with several members on real files, while one of the disks is late for a
// share of its reads: how long they take with hedges and without, and how many reads that adds.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { initialiseDataDirectory } from "../../../src/extent/data-directories.ts";
import { type DataDisk, extentPath } from "../../../src/extent/extent-files.ts";
import { createExtentReader } from "../../../src/extent/extent-reader.ts";
import { createExtentWriter } from "../../../src/extent/extent-writer.ts";
import { localDataDisk } from "../../../src/extent/local-members.ts";
import { MemoryExtentTable } from "../../../src/extent/testing/memory-extent-table.ts";
import {
  identityOf,
  payloadOf,
  testStoreId,
  standardExtents,
} from "../../../src/extent/testing/test-store.ts";
import type { ChunkRef } from "../../../src/format/chunk-ref.ts";
import { copyOn } from "../../../src/format/extent-row.ts";
import type { ExtentId, SessionId } from "../../../src/format/ids.ts";
import { extentHeaderBytes } from "../../../src/format/limits.ts";
import { openDisk } from "../../../src/node/disk/disk.ts";
import { createPlatform } from "../../../src/node/platform/platform.ts";
import type { Disk, DiskFile } from "../../../src/platform/disk.ts";
import { whole } from "../flag-values.ts";
import { median } from "../report/figures.ts";
import { alignColumns, shortNumber } from "../report/table.ts";

export const hedgeHelp = `npm run bench -- --only hedge [flags]: small reads, while one of three
disks is late now and then
  --rounds N          with hedges and without, in turn (5)
  --reads N           of each round (10000) …
  --rate N            … so many a second (1000)
  --delay N           milliseconds that one disk is late (50) …
  --percent N         … for so many of its reads (5)`;

/** True if the flags ask for this measurement. */
export function isHedgeRun(args: readonly string[]): boolean {
  return args.includes("--only=hedge") || args[args.indexOf("--only") + 1] === "hedge";
}

const copies = 3;
const records = 3000;
const recordBytes = 4096;
const extentBytes = 1024 * 1024;

/** A disk that is late for a share of its reads, and counts them. */
class LateDisk implements Disk {
  readonly #disk: Disk;
  reads = 0;
  delayMs = 0;
  share = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  get name(): string {
    return this.#disk.name;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const file = await this.#disk.open(path, mode);
    return new Proxy(file, {
      get: (target, property) => {
        if (property === "read")
          return (...call: Parameters<DiskFile["read"]>) => this.#read(target, call);
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  list = (directory: string): Promise<string[]> => this.#disk.list(directory);
  makeDirectory = (path: string): Promise<void> => this.#disk.makeDirectory(path);
  rename = (from: string, to: string): Promise<void> => this.#disk.rename(from, to);
  remove = (path: string): Promise<void> => this.#disk.remove(path);
  syncDirectory = (path: string): Promise<void> => this.#disk.syncDirectory(path);
  space = (): ReturnType<Disk["space"]> => this.#disk.space();

  async #read(file: DiskFile, call: Parameters<DiskFile["read"]>): Promise<number> {
    this.reads++;
    if (Math.random() < this.share) await sleep(this.delayMs);
    return file.read(...call);
  }
}

interface Stored {
  readonly late: readonly LateDisk[];
  readonly disks: readonly DataDisk[];
  readonly table: MemoryExtentTable;
  readonly refs: readonly ChunkRef[];
}

const platform = createPlatform({ log: () => undefined });

/** Extents of small records, with a copy of each on every disk. */
async function store(folder: string): Promise<Stored> {
  const late = Array.from(
    { length: copies },
    (_, i) => new LateDisk(openDisk(join(folder, `${i}`))),
  );
  const disks: DataDisk[] = [];
  const { mkdir } = await import("node:fs/promises");
  for (const [i, disk] of late.entries()) {
    await mkdir(join(folder, `${i}`));
    const options = { store: testStoreId, holdsIndex: i === 0 };
    const { disk: id } = await initialiseDataDirectory(disk, options, platform.random);
    disks.push(localDataDisk(platform.hash, id, disk));
  }
  const table = new MemoryExtentTable();
  const session = 7 as SessionId; // made up
  const only = { store: testStoreId, disks: disks.slice(0, 1) };
  const writing = { platform, disks: only, table, session, storageClass: "STANDARD", extentBytes };
  const writer = createExtentWriter(writing);
  const refs = await Promise.all(
    Array.from({ length: records }, (_, i) =>
      writer.append(standardExtents, identityOf(i), payloadOf(recordBytes, i)),
    ),
  );
  await writer.run(AbortSignal.abort()); // seals and closes what is open
  for (const extent of new Set(refs.map((ref) => ref.extent))) {
    await copyToAll(disks, late, table, extent);
  }
  return { late, disks, table, refs };
}

async function copyToAll(
  disks: readonly DataDisk[],
  late: readonly LateDisk[],
  table: MemoryExtentTable,
  extent: ExtentId,
): Promise<void> {
  const entry = (await table.get(extent))!;
  const file = await late[0]!.open(extentPath(extent), "read");
  const content = new Uint8Array((await file.size()) - extentHeaderBytes);
  await file.read(content, extentHeaderBytes);
  await file.close();
  const scheme = { kind: "replicated", copies, quorum: 2 } as const;
  const { session, createdMs, epoch, layout } = entry.row;
  for (const [member, { id: disk, members }] of disks.entries()) {
    if (member === 0) continue;
    const names = { store: testStoreId, disk, extent, scheme, member, layout };
    const made = await members.create({ ...names, sequence: 0, epoch, session, createdMs });
    await made.append(epoch, extentHeaderBytes, [content]);
    await made.close();
  }
  const length = extentHeaderBytes + content.length;
  const members = disks.map(({ id }) => copyOn(id));
  await table.replace(entry, { ...entry.row, scheme, members, length, state: "settled" });
}

interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Reads of disks for each read that was asked for. */
  readonly diskReads: number;
  /** Hedges for each read, and those that answered first. */
  readonly hedges: number;
  readonly won: number;
}

async function measure(
  stored: Stored,
  hedgeShare: number | undefined,
  { reads, rate }: { readonly reads: number; readonly rate: number },
): Promise<Round> {
  const { late, disks, table, refs } = stored;
  const reader = createExtentReader({
    platform,
    disks: { store: testStoreId, disks },
    table,
    hedgeShare,
  });
  const times: number[] = [];
  const diskReadsBefore = late.reduce((sum, disk) => sum + disk.reads, 0);
  const underWay = new Set<Promise<void>>();
  const read = async (): Promise<void> => {
    const index = Math.floor(Math.random() * refs.length);
    const beganMs = performance.now();
    await reader.read(refs[index]!, identityOf(index), 0, recordBytes);
    times.push(performance.now() - beganMs);
  };
  // They come at a rate that the late disk can bear, whatever becomes of those before.
  const startMs = performance.now();
  for (let begun = 0; begun < reads;) {
    const due = Math.min(reads, Math.ceil(((performance.now() - startMs) * rate) / 1000));
    for (; begun < due; begun++) {
      const reading = read().finally(() => underWay.delete(reading));
      underWay.add(reading);
    }
    await sleep(1);
  }
  await Promise.all(underWay);
  const diskReads = late.reduce((sum, disk) => sum + disk.reads, 0) - diskReadsBefore;
  const { hedgesSent, hedgesWon } = reader.statistics();
  await reader.close();
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * times.length)]!;
  return {
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
    diskReads: diskReads / reads,
    hedges: hedgesSent / reads,
    won: hedgesWon / reads,
  };
}

/** Throws an Error that says what is wrong with the flags. */
export async function runHedge(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "5" },
      reads: { type: "string", default: "10000" },
      rate: { type: "string", default: "1000" },
      delay: { type: "string", default: "50" },
      percent: { type: "string", default: "5" },
    },
  });
  const rounds = whole("rounds", values.rounds);
  const load = { reads: whole("reads", values.reads), rate: whole("rate", values.rate) };
  const folder = await mkdtemp(join(tmpdir(), "holdfast-hedge-"));
  try {
    const stored = await store(folder);
    const [slow] = stored.late;
    slow!.delayMs = whole("delay", values.delay);
    slow!.share = whole("percent", values.percent) / 100;
    const kinds = [
      ["without", 0],
      ["with hedges", undefined],
    ] as const;
    const found = new Map<string, Round[]>(kinds.map(([name]) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [name, share] of kinds) {
        found.get(name)!.push(await measure(stored, share, load));
      }
    }
    print(found);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function print(found: ReadonlyMap<string, readonly Round[]>): void {
  const columns = ["", "p50 ms", "p99 ms", "p99.9 ms", "reads of disks", "hedges", "won"];
  const rows = [...found].map(([name, rounds]) => {
    const of = (field: keyof Round): number => median(rounds.map((round) => round[field]));
    const times = [of("p50"), of("p99"), of("p999")].map(shortNumber);
    const shares = [of("hedges"), of("won")].map((share) => `${(share * 100).toFixed(2)} %`);
    return [name, ...times, of("diskReads").toFixed(4), ...shares];
  });
  console.log(alignColumns([columns, ...rows]));
}

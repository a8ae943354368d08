import { type AdminRefusal, refusePage } from "../admin/root-only.ts";
import type {
  MemberReport,
  RepairReport,
  ScrubbedDisk,
  ScrubbedIndex,
  ScrubReport,
  UnreadableReport,
  WorkAction,
  WorkAdministration,
  WorkDone,
  WorkTask,
} from "../admin/work-pages.ts";
import { isRefusal } from "../base/refusal.ts";
import type { MemberProgress } from "../control/redundancy/member-job.ts";
import type { DiskScrub } from "../control/redundancy/scrub.ts";
import { isAllWhole, leftUntilWhole } from "../control/redundancy/wholeness.ts";
import { idText } from "../format/ids.ts";
import { readDisks } from "../keymap/disk-registry.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { changeWorkOrder, readWorkOrders } from "../keymap/work-orders.ts";
import type { Clock } from "../platform/platform.ts";
import { findNamedDisk } from "./named-disk.ts";
import type { AskOthers, WorkFigures } from "./tree-questions.ts";

export interface OrderedWorkOptions {
  readonly clock: Clock;
  readonly keymap: Keymap;
  readonly askOthers: AskOthers;
}

/** How far repair and scrub are, and what people ask of them. */
export class OrderedWork implements WorkAdministration {
  readonly #options: OrderedWorkOptions;

  constructor(options: OrderedWorkOptions) {
    this.#options = options;
  }

  async repair(): Promise<RepairReport | AdminRefusal> {
    const figures = await this.#figures();
    if (isRefusal(figures)) return figures;
    const { shortage } = figures;
    const { isLooking, extents, bytesLeft, stuck, now } = figures.repair;
    const leftMs = leftUntilWhole(figures.repair, shortage);
    const { isPaused } = await readWorkOrders(this.#options.keymap, "repair");
    return {
      isPaused,
      isLooking,
      isWhole: isAllWhole(figures.repair, shortage),
      extents,
      shortExtents: shortage?.shortExtents ?? null,
      waitingExtents: shortage?.waitingExtents ?? null,
      narrowExtents: shortage?.narrowExtents ?? null,
      bytesLeft,
      stuck,
      secondsLeft: leftMs === undefined || isPaused ? null : leftMs / 1000,
      membersMade: figures.membersMade,
      bytesMade: figures.bytesMade,
      now: await this.#memberReports(now),
    };
  }

  async unreadable(): Promise<UnreadableReport | AdminRefusal> {
    const answers = await this.#options.askOthers({ kind: "unreadable" });
    const found = answers.find(({ answer }) => answer.objects !== undefined)?.answer.objects;
    if (found === undefined) return { counted: null, total: 0, objects: [] };
    const { countedMs, levels, unreadable } = found;
    const counted = new Date(countedMs).toISOString();
    return { counted, total: levels.unreadable, objects: unreadable };
  }

  async scrub(): Promise<ScrubReport | AdminRefusal> {
    const figures = await this.#figures();
    if (isRefusal(figures)) return figures;
    const { everyMs, disks } = figures.scrub;
    const { isPaused } = await readWorkOrders(this.#options.keymap, "scrub");
    const bytesOn = new Map(figures.bytesOnDisks);
    const shown = disks.map((one) => this.#scrubbedDisk(one, bytesOn.get(one.disk), isPaused));
    return {
      isPaused,
      everySeconds: everyMs / 1000,
      disks: shown.toSorted((one, other) => (one.directory < other.directory ? -1 : 1)),
      index: this.#scrubbedIndex(figures.indexScrub),
    };
  }

  async order(
    task: WorkTask,
    action: WorkAction,
    named: string | undefined,
  ): Promise<WorkDone | AdminRefusal> {
    const { keymap, clock } = this.#options;
    if (action === "start") return this.#start(task, named);
    const isPaused = action === "pause";
    const changedMs = clock.now();
    await changeWorkOrder(keymap, { task, disk: undefined }, (order) => {
      return order.isPaused === isPaused ? order : { ...order, isPaused, changedMs };
    });
    const goesOn = `holdfast ${task} resume goes on`;
    const rests = {
      repair: `repair rests once the members at hand are made, and so do moves of drained disks`,
      scrub: "scrub rests; nothing is verified but what is read",
    } as const;
    return { message: isPaused ? `${rests[task]}: ${goesOn}` : `${task} goes on` };
  }

  async #start(task: WorkTask, named: string | undefined): Promise<WorkDone | AdminRefusal> {
    const { keymap, clock } = this.#options;
    const row = named === undefined ? undefined : await findNamedDisk(keymap, named);
    if (row !== undefined && isRefusal(row)) return row;
    if (row?.state === "removed") return refusePage("conflict", `${row.name} is removed`);
    const { isPaused } = await readWorkOrders(keymap, task);
    if (isPaused) return refusePage("conflict", `${task} is paused: holdfast ${task} resume`);
    const nowMs = clock.now();
    await changeWorkOrder(keymap, { task, disk: row?.disk }, (order) => {
      // Two orders are two, also where the clock stands still or was set back.
      return { ...order, beginMs: Math.max(nowMs, order.beginMs + 1) };
    });
    if (task === "repair") return { message: "repair looks through all extents now" };
    const what = row === undefined ? "every disk" : row.name;
    return { message: `${what} is read and verified now: holdfast scrub shows how far it is` };
  }

  /** What the background worker says. */
  async #figures(): Promise<WorkFigures | AdminRefusal> {
    const answers = await this.#options.askOthers({ kind: "work" });
    const figures = answers.find(({ answer }) => answer.work !== undefined)?.answer.work;
    return figures ?? refusePage("busy", "the background worker does not answer: try again");
  }

  async #memberReports(made: readonly MemberProgress[]): Promise<MemberReport[]> {
    const rows = made.length === 0 ? [] : await readDisks(this.#options.keymap.system);
    return made.map(({ disk, ...progress }) => {
      const directory = rows.find((one) => one.disk === disk)?.name ?? idText(disk);
      return { ...progress, directory };
    });
  }

  #scrubbedIndex(found: WorkFigures["indexScrub"]): ScrubbedIndex | null {
    if (found?.row === undefined) return null;
    const { startedMs, isDone, readSinceMs, bytes, bad, mended, lost } = found.row;
    return {
      ...this.#ageOf(readSinceMs),
      isReading: !isDone,
      isAsked: found.isAsked,
      roundBegan: new Date(startedMs).toISOString(),
      bytesRead: bytes,
      bad,
      mended,
      lost,
    };
  }

  #ageOf(readSinceMs: number): Pick<ScrubbedDisk, "readSince" | "ageSeconds"> {
    if (readSinceMs === 0) return { readSince: null, ageSeconds: null };
    const ageSeconds = Math.max(0, this.#options.clock.now() - readSinceMs) / 1000;
    return { readSince: new Date(readSinceMs).toISOString(), ageSeconds };
  }

  #scrubbedDisk(
    { name, row, isAsked, bytesPerSecond }: DiskScrub,
    bytesOnDisk: number | undefined,
    isPaused: boolean,
  ): ScrubbedDisk {
    const { startedMs, isDone, readSinceMs, members, bad, passedOver, bytes } = row;
    const isKnown = bytesOnDisk !== undefined && bytesPerSecond !== undefined && !isPaused;
    const secondsLeft = isKnown ? Math.max(0, bytesOnDisk - bytes) / bytesPerSecond : null;
    return {
      directory: name,
      ...this.#ageOf(readSinceMs),
      isReading: !isDone,
      isAsked,
      roundBegan: new Date(startedMs).toISOString(),
      members,
      bad,
      passedOver,
      bytesRead: bytes,
      bytesOnDisk: bytesOnDisk ?? null,
      secondsLeft: isDone ? null : secondsLeft,
    };
  }
}

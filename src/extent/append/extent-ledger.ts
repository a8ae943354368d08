import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { ExtentRow, MemberState } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import type { ExtentEntry, ExtentTable } from "../extent-table.ts";

interface Account {
  entry: ExtentEntry;
  /** Offsets of the chunks handed out whose rows are neither committed nor given up. */
  readonly outstanding: Set<number>;
  /** Once nothing is appended any more. */
  ended: EndedExtent | undefined;
}

/** What a writer knows of an extent that it appends to no more. */
export interface EndedExtent {
  readonly length: number;
  /** One for each member of its row; undefined while one may still become whole. */
  readonly memberStates: readonly MemberState[] | undefined;
  /** Those of its shards' block tables; undefined where it has copies. */
  readonly tableChecksums: readonly number[] | undefined;
}

/** An extent that nothing was written to. */
export const emptyExtent: EndedExtent = {
  length: 0,
  memberStates: [],
  tableChecksums: undefined,
};

/**
 * A writer's own list of the extents it opened, until each is settled in the extent table. The
 * table is changed in `advance` alone, so a commit that fails is simply made by the next call.
 */
export class ExtentLedger {
  readonly #table: ExtentTable;
  readonly #clock: Clock;
  readonly #accounts = new Map<ExtentId, Account>();

  constructor(table: ExtentTable, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
  }

  opened(entry: ExtentEntry): void {
    this.#accounts.set(entry.id, { entry, outstanding: new Set(), ended: undefined });
  }

  handedOut(refs: readonly ChunkRef[]): void {
    for (const ref of refs) this.#accounts.get(ref.extent)?.outstanding.add(ref.offset);
  }

  /** Releasing twice does no harm. */
  released(refs: readonly ChunkRef[]): void {
    for (const ref of refs) this.#accounts.get(ref.extent)?.outstanding.delete(ref.offset);
  }

  /**
   * Nothing more is appended to the extent. A member without a state of its own is whole; the
   * states are asked for when the row is committed.
   */
  closed(extent: ExtentId, ended: EndedExtent): void {
    const account = this.#accounts.get(extent);
    if (account !== undefined) account.ended = ended;
  }

  /** The extent, until it is settled or others took it over. */
  entryOf(extent: ExtentId): ExtentEntry | undefined {
    return this.#accounts.get(extent)?.entry;
  }

  /** Called when others sealed it: what becomes of it is their business. */
  forget(extent: ExtentId): void {
    this.#accounts.delete(extent);
  }

  /**
   * Commits what can be: extents no longer appended to are sealed, and settled once all is
   * released.
   */
  async advance(): Promise<void> {
    // Accounts are added and dropped while this waits; a copy is walked.
    for (const account of Array.from(this.#accounts.values())) {
      if (account.ended !== undefined) await this.#advance(account, account.ended);
    }
  }

  /** True where `advance` could commit more. */
  get isBehind(): boolean {
    return [...this.#accounts.values()].some((account) => targetState(account) !== undefined);
  }

  async #advance(account: Account, ended: EndedExtent): Promise<void> {
    for (let state = targetState(account); state !== undefined; state = targetState(account)) {
      const { entry } = account;
      const row = entry.row.state === "open" ? this.#sealed(entry.row, ended) : entry.row;
      if (row === undefined) return;
      const replaced = await this.#table.replace(entry, { ...row, state });
      if (replaced !== "conflict") {
        account.entry = replaced;
        if (state === "sealed") continue;
        this.forget(entry.id);
        return;
      }
      // Dead bytes were added to it, or an answer of ours was lost, or others took the extent over.
      const fresh = await this.#table.get(entry.id);
      if (fresh === undefined || !isStillOurs(fresh.row, entry.row)) {
        this.forget(entry.id);
        return;
      }
      account.entry = fresh;
    }
  }

  /** Undefined while it is not known yet which members are whole. */
  #sealed(row: ExtentRow, ended: EndedExtent): ExtentRow | undefined {
    const { length, memberStates, tableChecksums } = ended;
    if (memberStates === undefined) return undefined;
    const members = row.members.map((member, index) => {
      const tableChecksum = tableChecksums?.[index] ?? member.tableChecksum;
      const found = memberStates[index] ?? "whole";
      return { ...member, state: found === "whole" ? member.state : found, tableChecksum };
    });
    return { ...row, members, length, sealedMs: this.#clock.now() };
  }
}

/** The state the row should be given next, if another one than it has. */
function targetState(account: Account): "sealed" | "settled" | undefined {
  if (account.ended === undefined) return undefined;
  if (account.outstanding.size === 0) return "settled";
  return account.entry.row.state === "open" ? "sealed" : undefined;
}

/** Repair may change the members of a sealed extent; whoever takes it over settles it. */
function isStillOurs(row: ExtentRow, before: ExtentRow): boolean {
  return row.state === "sealed" || (row.state === "open" && row.epoch === before.epoch);
}

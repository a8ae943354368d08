import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { ExtentRow, MemberState } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import type { ExtentEntry, ExtentTable } from "../extent-table.ts";

interface Account {
  entry: ExtentEntry;
  /** Offsets of the chunks handed out whose rows are neither committed nor given up. */
  readonly outstanding: Set<number>;
  /** The final length, once nothing is appended any more. */
  sealedLength: number | undefined;
  /** The states of its members, as found while it was written. */
  memberStates: readonly MemberState[];
}

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
    this.#accounts.set(entry.id, {
      entry,
      outstanding: new Set(),
      sealedLength: undefined,
      memberStates: [],
    });
  }

  handedOut(refs: readonly ChunkRef[]): void {
    for (const ref of refs) this.#accounts.get(ref.extent)?.outstanding.add(ref.offset);
  }

  /** Releasing twice does no harm. */
  released(refs: readonly ChunkRef[]): void {
    for (const ref of refs) this.#accounts.get(ref.extent)?.outstanding.delete(ref.offset);
  }

  /**
   * Nothing more is appended to the extent: `length` is final. A member without a state of its own
   * is whole.
   */
  closed(extent: ExtentId, length: number, memberStates: readonly MemberState[] = []): void {
    const account = this.#accounts.get(extent);
    if (account === undefined) return;
    account.sealedLength = length;
    account.memberStates = memberStates;
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
      if (account.sealedLength !== undefined) await this.#advance(account, account.sealedLength);
    }
  }

  /** True where `advance` could commit more. */
  get isBehind(): boolean {
    return [...this.#accounts.values()].some((account) => targetState(account) !== undefined);
  }

  async #advance(account: Account, length: number): Promise<void> {
    for (let state = targetState(account); state !== undefined; state = targetState(account)) {
      const { entry } = account;
      const sealedMs = entry.row.state === "open" ? this.#clock.now() : entry.row.sealedMs;
      const members = entry.row.members.map((member, index) => {
        const found = account.memberStates[index] ?? "whole";
        return found === "whole" ? member : { ...member, state: found };
      });
      const row = { ...entry.row, state, members, length, sealedMs };
      const replaced = await this.#table.replace(entry, row);
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
}

/** The state the row should be given next, if another one than it has. */
function targetState(account: Account): "sealed" | "settled" | undefined {
  if (account.sealedLength === undefined) return undefined;
  if (account.outstanding.size === 0) return "settled";
  return account.entry.row.state === "open" ? "sealed" : undefined;
}

function isStillOurs(row: ExtentRow, before: ExtentRow): boolean {
  return row.epoch === before.epoch && (row.state === "open" || row.state === "sealed");
}

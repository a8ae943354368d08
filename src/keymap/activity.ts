import {
  type ActivityMark,
  type ActivityRow,
  decodeActivityRow,
  encodeActivityRow,
} from "../format/system-rows.ts";
import { type ChangeId, counterOfId, type SessionId, sessionOfId } from "../format/ids.ts";
import { activityKey } from "../format/row-keys.ts";
import type { Clock } from "../platform/platform.ts";
import type { Keymap } from "./keymap.ts";
import { listSessions } from "./sessions.ts";
import { readRow } from "../engine/engine.ts";

/*
 * Measures for how long a row has not been put, without a wall clock: that of one process may be
 * days ahead of another's, or of what it was yesterday, and what is idle for days is thrown away.
 * Time is what the background worker has seen pass by its monotonic clock, summed up in a row, so
 * that a restart every day does not begin again. Now and then a mark notes how far each session has
 * come: every change of a session is numbered, and its lease, renewed every few seconds, has the
 * number of its last renewal. A row whose stamp is not beyond a mark was put before that mark was
 * made.
 *
 * Where it is not known, a row counts as young: of sessions without a lease it is known only where
 * they had none at the mark before either, or had one and lost it, since a process that is just
 * beginning has no lease yet.
 */

/** Marks within the time looked for: so a row is found idle a sixteenth later at the most. */
const marksPerSpan = 16;

export interface ActivityOptions {
  readonly platform: { readonly clock: Clock };
  readonly keymap: Keymap;
  /** The age of a row's last put at which it counts as idle. */
  readonly idleMs: number;
}

export class Activity {
  readonly #options: ActivityOptions;
  #lookedMs = 0;
  /** The stamp of the row as this process put it last. */
  #stamp: ChangeId | undefined;
  #row: ActivityRow = { watchedMs: 0, marks: [] };

  constructor(options: ActivityOptions) {
    this.#options = options;
  }

  /** Adds the time since the call before, and makes a mark where one is due. */
  async advance(): Promise<void> {
    const { platform, keymap, idleMs } = this.#options;
    // Before the clock is looked at: a mark must not seem older than what it is of.
    const sessions = await this.#sessions();
    const nowMs = platform.clock.monotonicMs();
    const key = activityKey();
    const stored = await readRow(keymap.system, key);
    // While another process counts as well, nobody does: time must not pass twice.
    const isOurs = stored !== undefined && stored.stamp === this.#stamp;
    const passedMs = isOurs ? Math.floor(nowMs - this.#lookedMs) : 0;
    const before = stored === undefined ? this.#row : decodeActivityRow(stored.value);
    const watchedMs = before.watchedMs + passedMs;
    const lastMs = before.marks.at(-1)?.watchedMs ?? Number.NEGATIVE_INFINITY;
    const isDue = watchedMs - lastMs >= idleMs / marksPerSpan;
    const added = isDue ? [{ watchedMs, sessions }] : [];
    const row = { watchedMs, marks: withoutOld([...before.marks, ...added], watchedMs - idleMs) };
    const id = keymap.session.nextChangeId();
    const { outcome } = await keymap.system.commit({
      id,
      checks: [{ key, expect: stored?.stamp ?? "absent" }],
      puts: [{ key, value: encodeActivityRow(row) }],
      deletes: [],
    });
    if (outcome !== "ok") return;
    this.#lookedMs = isOurs ? this.#lookedMs + passedMs : nowMs;
    this.#stamp = id;
    this.#row = row;
  }

  /** True if a row with this stamp was put at least `idleMs` ago. */
  isIdle(stamp: ChangeId): boolean {
    const { watchedMs, marks } = this.#row;
    const at = marks.findLastIndex((mark) => mark.watchedMs <= watchedMs - this.#options.idleMs);
    const mark = marks[at];
    return mark !== undefined && isBefore(stamp, mark, marks[at - 1]);
  }

  async #sessions(): Promise<ActivityMark["sessions"]> {
    const sessions = await listSessions(this.#options.keymap);
    return sessions.map(({ session, stamp }) => {
      // The first row of a lease is put before there is a session to put it.
      const changes = sessionOfId(stamp) === session ? counterOfId(stamp) : 0;
      return { session, changes };
    });
  }
}

/** Keeps the marks that are younger, the newest of the others and the one before it. */
function withoutOld(marks: readonly ActivityMark[], idleSinceMs: number): readonly ActivityMark[] {
  const at = marks.findLastIndex(({ watchedMs }) => watchedMs <= idleSinceMs);
  return marks.slice(Math.max(0, at - 1));
}

function isBefore(
  stamp: ChangeId,
  mark: ActivityMark,
  previous: ActivityMark | undefined,
): boolean {
  const session = sessionOfId(stamp);
  const atMark = mark.sessions.find((one) => one.session === session);
  if (atMark !== undefined) return counterOfId(stamp) <= atMark.changes;
  return previous !== undefined && session <= lastOf(previous);
}

function lastOf({ sessions }: ActivityMark): SessionId {
  return sessions.reduce((last, { session }) => (session > last ? session : last), 0 as SessionId);
}

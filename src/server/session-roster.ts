import type { SessionId } from "../format/ids.ts";

/*
 * Which sessions are alive, as the process that starts and buries the others knows it. The worker
 * that fences dead sessions asks this, so the one mistake that must not happen is to call a session
 * dead that is only new. Session ids are counted up; so "dead" is: at or below a mark, and not
 * among the living. The mark is raised to the highest id heard of, but only while no process is on
 * its way to a session: one that began later gets a higher id than any heard of by then.
 */

export interface SessionRoster {
  /** Sessions above it are alive or not yet known. */
  readonly mark: number;
  readonly alive: readonly number[];
}

export const emptyRoster: SessionRoster = { mark: 0, alive: [] };

export function isAlive(roster: SessionRoster, session: SessionId): boolean {
  return session > roster.mark || roster.alive.includes(session);
}

export class SessionRegister {
  readonly #sessions = new Map<number, SessionId | undefined>();
  #highest = 0;
  #mark = 0;

  /** A process begins, which will open the index. `process` names this run of it. */
  begins(process: number): void {
    this.#sessions.set(process, undefined);
  }

  opened(process: number, session: SessionId): void {
    this.#sessions.set(process, session);
    this.#highest = Math.max(this.#highest, session);
  }

  ended(process: number): void {
    this.#sessions.delete(process);
  }

  roster(): SessionRoster {
    const sessions = [...this.#sessions.values()];
    const alive = sessions.filter((session) => session !== undefined);
    if (alive.length === sessions.length) this.#mark = this.#highest;
    return { mark: this.#mark, alive };
  }
}

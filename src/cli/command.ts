/** One command of the CLI. */
export interface Command {
  /** One word, or two: a thing and what is done to it. */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** How it is called, behind `holdfast`. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** What must stand behind the name without a flag, for messages. */
  readonly operands?: readonly string[] | undefined;
  /** Returns the exit status. A StoreError becomes its message and status 1. */
  run(given: GivenFlags): Promise<number>;
}

export interface Flag {
  readonly name: string;
  /** What stands behind it; undefined for one that is there or not. */
  readonly value?: string | undefined;
  readonly help: string;
}

export interface GivenFlags {
  /** By name; those without a value are "true". */
  readonly flags: ReadonlyMap<string, string>;
  /** As many as the command has. */
  readonly operands: readonly string[];
}

export const exitStatus = { ok: 0, failed: 1, usage: 2 } as const;

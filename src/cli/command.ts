import { parseArgs } from "node:util";
import { StoreError } from "../base/errors.ts";
import { suggestion } from "../base/nearest.ts";

/** One command of the CLI. */
export interface Command {
  /** One word, or two: a thing and what is done to it. */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** How it is called, behind `holdfast`. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** The names of the values that must follow the command's name without a flag, for messages. */
  readonly operands?: readonly string[] | undefined;
  /** Those that may follow these. */
  readonly optionalOperands?: readonly string[] | undefined;
  /** Returns the exit status. A StoreError becomes its message and status 1. */
  run(given: GivenFlags): Promise<number>;
}

export interface Flag {
  readonly name: string;
  /** The name of the flag's value, for help; undefined for a flag without a value. */
  readonly value?: string | undefined;
  readonly help: string;
}

export interface GivenFlags {
  /** Values by the flag's name; a flag without a value is "true". */
  readonly flags: ReadonlyMap<string, string>;
  /** The values without a flag, at most as many as the command has. */
  readonly operands: readonly string[];
}

export const exitStatus = { ok: 0, failed: 1, usage: 2 } as const;

/**
 * Parses the parameters after a command's name; StoreError `invalid` for those it does not take.
 */
export function parseFlags(command: Command, parameters: readonly string[]): GivenFlags {
  const options = Object.fromEntries(
    command.flags.map(({ name, value }) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  const { values, positionals } = parseArgs({
    args: [...parameters],
    options,
    strict: false,
    allowPositionals: true,
  });
  const see = `see holdfast help ${command.name}`;
  const flags = new Map<string, string>();
  for (const [name, given] of Object.entries(values)) {
    const flag = command.flags.find((one) => one.name === name);
    if (flag === undefined) {
      const names = command.flags.map((one) => `--${one.name}`);
      const hint = suggestion(`--${name}`, names);
      throw new StoreError("invalid", `there is no flag --${name}${hint}: ${see}`);
    }
    if (flag.value !== undefined && typeof given !== "string") {
      throw new StoreError("invalid", `--${name} needs a value: --${name} ${flag.value}`);
    }
    if (flag.value === undefined && given !== true) {
      throw new StoreError("invalid", `--${name} takes no value`);
    }
    flags.set(name, String(given));
  }
  const { operands = [], optionalOperands = [] } = command;
  const missing = operands[positionals.length];
  if (missing !== undefined) {
    throw new StoreError("invalid", `${missing} is missing: holdfast ${command.usage}`);
  }
  const surplus = positionals[operands.length + optionalOperands.length];
  if (surplus !== undefined) {
    throw new StoreError("invalid", `"${surplus}" belongs to no flag: ${see}`);
  }
  return { flags, operands: positionals };
}

/** The text that `holdfast help` prints. */
export function overview(commands: readonly Command[]): string {
  const rows = [
    ...commands.map(({ name, summary }) => [name, summary] as const),
    ["version", "print the version"] as const,
    ["help [COMMAND]", "print this, or the flags of a command"] as const,
  ];
  return [
    "Holdfast, an S3-compatible object store that never loses a byte it said it has.",
    "",
    "Usage: holdfast COMMAND [FLAGS]",
    "",
    ...indented(rows),
    "",
    "First steps: holdfast serve --data ./data",
  ].join("\n");
}

/** The text that `holdfast help COMMAND` prints. */
export function commandHelp(command: Command): string {
  const rows = command.flags.map(({ name, value, help }) => {
    return [value === undefined ? `--${name}` : `--${name} ${value}`, help] as const;
  });
  return [`Usage: holdfast ${command.usage}`, "", command.summary, "", ...indented(rows)].join(
    "\n",
  );
}

function indented(rows: readonly (readonly string[])[]): string[] {
  return columns(rows).map((line) => `  ${line}`);
}

/** Lines of a table: each column as wide as its longest entry, two spaces between them. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, text] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, text.length);
  }
  return rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

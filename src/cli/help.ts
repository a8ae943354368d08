import type { Command } from "./command.ts";

/** What `holdfast help` prints. */
export function overview(commands: readonly Command[]): string {
  const rows = [
    ...commands.map(({ name, summary }) => [name, summary] as const),
    ["version", "print the version"] as const,
    ["help [COMMAND]", "print this, or what a command takes"] as const,
  ];
  return [
    "Holdfast, an S3-compatible object store that never loses a byte it said it has.",
    "",
    "Usage: holdfast COMMAND [FLAGS]",
    "",
    ...table(rows),
    "",
    "First steps: holdfast serve --data ./data",
  ].join("\n");
}

/** What `holdfast help COMMAND` prints. */
export function commandHelp(command: Command): string {
  const rows = command.flags.map(({ name, value, help }) => {
    return [value === undefined ? `--${name}` : `--${name} ${value}`, help] as const;
  });
  return [`Usage: holdfast ${command.usage}`, "", command.summary, "", ...table(rows)].join("\n");
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

import { columns } from "./columns.ts";
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
    ...indented(rows),
    "",
    "First steps: holdfast serve --data ./data",
  ].join("\n");
}

/** What `holdfast help COMMAND` prints. */
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

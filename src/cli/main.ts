import { isStoreError } from "../base/errors.ts";
import { suggestion } from "../base/nearest.ts";
import { type Command, exitStatus } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, overview } from "./help.ts";
import { parseFlags } from "./parse-flags.ts";
import { version } from "./version.ts";

/** Runs the command that the parameters name, and sets the exit status. */
export async function main(parameters: readonly string[]): Promise<void> {
  process.exitCode = await dispatch(parameters);
}

async function dispatch(parameters: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = parameters;
  if (["help", "--help", "-h"].includes(name)) return help(rest[0]);
  if (["version", "--version", "-v"].includes(name)) {
    console.log(version());
    return exitStatus.ok;
  }
  const command = find(name);
  if (command === undefined) return unknown(name);
  if (rest.includes("--help") || rest.includes("-h")) return help(name);
  try {
    const given = parseFlags(command, rest);
    return await command.run(given);
  } catch (error) {
    if (!isStoreError(error)) throw error;
    console.error(`holdfast: ${error.message}`);
    return error.code === "invalid" ? exitStatus.usage : exitStatus.failed;
  }
}

function find(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}

function help(name: string | undefined): number {
  const command = name === undefined ? undefined : find(name);
  if (name !== undefined && command === undefined) return unknown(name);
  console.log(command === undefined ? overview(commands) : commandHelp(command));
  return exitStatus.ok;
}

function unknown(name: string): number {
  const names = [...commands.map((command) => command.name), "help", "version"];
  console.error(`holdfast: there is no command "${name}"${suggestion(name, names)}`);
  console.error("Try: holdfast help");
  return exitStatus.usage;
}

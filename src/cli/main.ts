import { isStoreError } from "../base/errors.ts";
import { suggestion } from "../base/nearest.ts";
import { version } from "../node/version.ts";
import { check } from "./check.ts";
import { type Command, commandHelp, exitStatus, overview, parseFlags } from "./command.ts";
import {
  diskAdd,
  diskDrain,
  diskLabel,
  diskList,
  diskRemove,
  diskReplace,
  diskResume,
} from "./disk.ts";
import { env } from "./env.ts";
import { keyCreate, keyDelete, keyList } from "./key.ts";
import { modelDurability } from "./model.ts";
import { schemeExplain, schemeList, schemeSet, schemeUnset } from "./scheme.ts";
import { indexRestore, indexSnapshot } from "./index-commands.ts";
import { indexVerify } from "./index-verify.ts";
import { serve } from "./serve.ts";
import { status } from "./status.ts";
import { trace } from "./trace.ts";
import { workCommands } from "./work.ts";

/** Runs the command that the parameters name, and sets the exit status. */
export async function main(parameters: readonly string[]): Promise<void> {
  process.exitCode = await dispatch(parameters);
}

async function dispatch(parameters: readonly string[]): Promise<number> {
  const [name = "help", ...others] = parameters;
  if (["help", "--help", "-h"].includes(name)) return help(others);
  if (["version", "--version", "-v"].includes(name)) {
    console.log(version());
    return exitStatus.ok;
  }
  const command = find(parameters);
  const asksHelp = parameters.some((parameter) => ["--help", "-h"].includes(parameter));
  if (asksHelp) return help(parameters.filter((parameter) => !parameter.startsWith("-")));
  if (command === undefined) return unknown(parameters);
  const rest = parameters.slice(command.name.split(" ").length);
  try {
    const given = parseFlags(command, rest);
    return await command.run(given);
  } catch (error) {
    if (!isStoreError(error)) throw error;
    console.error(`holdfast: ${error.message}`);
    return error.code === "invalid" ? exitStatus.usage : exitStatus.failed;
  }
}

/** The command whose words stand first. */
function find(words: readonly string[]): Command | undefined {
  return commands.find(({ name }) => {
    return name.split(" ").every((word, index) => words[index] === word);
  });
}

function help(words: readonly string[]): number {
  const command = find(words);
  const about = words[0] === undefined ? commands : commandsOf(words[0]);
  if (command !== undefined) console.log(commandHelp(command));
  else if (about.length > 0) console.log(overview(about));
  else return unknown(words);
  return exitStatus.ok;
}

/** The commands of two words whose first is this: `key` has `key create` and others. */
function commandsOf(word: string): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `));
}

function unknown(words: readonly string[]): number {
  const [word = "", second] = words;
  const about = commandsOf(word);
  const known = about.length > 0 ? about : commands;
  const said = about.length > 0 && second !== undefined ? `${word} ${second}` : word;
  const names = [...known.map(({ name }) => name), "help", "version"];
  console.error(`holdfast: there is no command "${said}"${suggestion(said, names)}`);
  console.error(about.length > 0 ? `Try: holdfast help ${word}` : "Try: holdfast help");
  return exitStatus.usage;
}

/** All commands, in the order in which the help lists them. */
export const commands: readonly Command[] = [
  serve,
  env,
  check,
  status,
  trace,
  indexSnapshot,
  indexRestore,
  indexVerify,
  keyCreate,
  keyList,
  keyDelete,
  modelDurability,
  schemeList,
  schemeExplain,
  schemeSet,
  schemeUnset,
  diskList,
  diskAdd,
  diskLabel,
  diskDrain,
  diskResume,
  diskRemove,
  diskReplace,
  ...workCommands,
];

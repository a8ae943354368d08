import { parseArgs } from "node:util";
import { StoreError } from "../base/errors.ts";
import { suggestion } from "../base/nearest.ts";
import type { Command, GivenFlags } from "./command.ts";

/** What was written behind a command's name; StoreError `invalid` for what it does not take. */
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
  const { operands = [] } = command;
  const missing = operands[positionals.length];
  if (missing !== undefined) {
    throw new StoreError("invalid", `${missing} is missing: holdfast ${command.usage}`);
  }
  const surplus = positionals[operands.length];
  if (surplus !== undefined) {
    throw new StoreError("invalid", `"${surplus}" belongs to no flag: ${see}`);
  }
  return { flags, operands: positionals };
}

import { readFileSync } from "node:fs";
import { messageOf, StoreError } from "../base/errors.ts";
import {
  environmentName,
  resolveSettings,
  settingDefinitions,
  type SettingName,
  settingNames,
  type Settings,
} from "../server/settings.ts";
import type { Flag, GivenFlags } from "./command.ts";

export const configFlag: Flag = {
  name: "config",
  value: "FILE",
  help: "settings file: lines of name = value (HOLDFAST_CONFIG)",
};

export function settingFlag(name: SettingName): Flag {
  const { value, help, default: fallback } = settingDefinitions[name];
  const by = fallback === "" ? "" : `, default ${fallback}`;
  return { name, value, help: `${help} (${environmentName(name)}${by})` };
}

/** The settings of flags, variables and the one file, in this order of strength. */
export function settingsOf({ flags }: GivenFlags): Settings {
  const path = flags.get(configFlag.name) ?? process.env[environmentName(configFlag.name)];
  const known = new Set<string>(settingNames);
  return resolveSettings({
    flags: new Map([...flags].filter(([name]) => known.has(name))),
    environment: process.env,
    file: path === undefined ? undefined : { path, text: readConfig(path) },
  });
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new StoreError("invalid", `--config ${path}: ${messageOf(cause)}`, { cause });
  }
}

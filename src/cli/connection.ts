import { StoreError } from "../base/errors.ts";
import { readRootKey } from "../node/root-key-file.ts";
import { type RootKey, rootKeyOfEnvironment } from "../server/root-credentials.ts";
import { settingFlag, settingsOf } from "./setting-flags.ts";
import type { Flag, GivenFlags } from "./command.ts";

/** What commands that talk to a running server need. */
export interface Connection {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** For signing; undefined where neither the variables nor the data directory have one. */
  readonly key: RootKey | undefined;
}

export const connectionFlags: readonly Flag[] = [
  {
    name: "endpoint",
    value: "URL",
    help: "the server to ask (HOLDFAST_ENDPOINT, else where --listen is)",
  },
  settingFlag("data"),
  settingFlag("listen"),
];

/** The server that flags and variables name, and the root key from the variables or the file of the data directory. */
export function connectionOf(given: GivenFlags): Connection {
  const settings = settingsOf(given);
  const { host, port } = settings.listen;
  const local = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const endpoint = given.flags.get("endpoint") ?? process.env["HOLDFAST_ENDPOINT"] ?? local;
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    const message = `--endpoint: "${endpoint}" is not a URL such as http://127.0.0.1:9000`;
    throw new StoreError("invalid", message);
  }
  const key = rootKeyOfEnvironment(process.env) ?? readRootKey(settings.data[0] ?? "");
  return { endpoint: endpoint.replace(/\/+$/, ""), key };
}

/** GETs a page of the server's own; StoreError `unavailable` where nobody answers. */
export async function ask(
  { endpoint }: Connection,
  path: string,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await fetch(endpoint + path, { signal: AbortSignal.timeout(10_000) });
    return { status: answer.status, text: await answer.text() };
  } catch (cause) {
    const fix = "start it with holdfast serve, or name it with --endpoint";
    throw new StoreError("unavailable", `no server answers at ${endpoint}: ${fix}`, { cause });
  }
}

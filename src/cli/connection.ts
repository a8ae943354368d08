import type { AccessKey } from "../auth/access-key.ts";
import { StoreError } from "../base/errors.ts";
import { readRootKey } from "../node/root-key-file.ts";
import { signedFetch } from "../node/signed-fetch.ts";
import { rootKeyOfEnvironment, rootKeyVariables } from "../server/root-credentials.ts";
import type { ListenAt } from "../server/setting-values.ts";
import type { Flag, GivenFlags } from "./command.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";

/** What commands that talk to a running server need. */
export interface Connection {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly region: string;
  /** For signing; undefined where neither the variables nor the data directory have one. */
  readonly key: AccessKey | undefined;
}

/** What the server answered, read whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** For one answer; these commands ask for little. */
const answerMs = 10_000;

export const connectionFlags: readonly Flag[] = [
  {
    name: "endpoint",
    value: "URL",
    help: "the server to ask (HOLDFAST_ENDPOINT, else where --listen is)",
  },
  settingFlag("data"),
  settingFlag("listen"),
  settingFlag("region"),
  configFlag,
];

/** The server that flags and variables name, and the root key from the variables or the file of the data directory. */
export function connectionOf(given: GivenFlags): Connection {
  const { listen, region, data } = settingsOf(given);
  const named = given.flags.get("endpoint") ?? process.env["HOLDFAST_ENDPOINT"];
  const endpoint = named ?? localEndpoint(listen);
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    const message = `--endpoint: "${endpoint}" is not a URL such as http://127.0.0.1:9000`;
    throw new StoreError("invalid", message);
  }
  const key = rootKeyOfEnvironment(process.env) ?? readRootKey(data[0] ?? "");
  return { endpoint: endpoint.replace(/\/+$/, ""), region, key };
}

/** Where a server that listens there is reached from its own machine. */
export function localEndpoint({ host, port }: ListenAt): string {
  const anywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const reached = anywhere[host] ?? host;
  return `http://${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}

/** GETs a page of the server's own; StoreError `unavailable` where nobody answers. */
export function ask({ endpoint }: Connection, path: string): Promise<Answer> {
  return answerOf(endpoint, fetch(endpoint + path, { signal: AbortSignal.timeout(answerMs) }));
}

/**
 * GETs from S3, signed; `target` is path and query, percent-encoded. StoreError `unavailable` where nobody answers,
 * `invalid` where there is no key or the server refuses the call.
 */
export async function askS3(connection: Connection, target: string): Promise<string> {
  const { endpoint, region, key } = connection;
  const { accessKeyId, secretAccessKey } = rootKeyVariables;
  const fix = `set ${accessKeyId} and ${secretAccessKey}, or name the data directory with --data`;
  if (key === undefined) throw new StoreError("invalid", `there is no key to sign with: ${fix}`);
  const signal = AbortSignal.timeout(answerMs);
  const call = signedFetch(endpoint, { ...key, region }, { method: "GET", target, signal });
  const { status, text } = await answerOf(endpoint, call);
  if (status === 200) return text;
  const said = `${elementOf(text, "Code") ?? status}: ${elementOf(text, "Message") ?? text}`;
  const who = `the server at ${endpoint} refuses access key ${key.accessKeyId}`;
  if (status === 403) throw new StoreError("invalid", `${who} (${said}): ${fix}`);
  throw new StoreError("unavailable", `the server at ${endpoint} answers ${said}`);
}

/** The text of the first element of that name, in an answer whose texts need no unescaping. */
export function elementOf(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

async function answerOf(endpoint: string, response: Promise<Response>): Promise<Answer> {
  try {
    const { status } = await response;
    return { status, text: await (await response).text() };
  } catch (cause) {
    const fix = "start it with holdfast serve, or name it with --endpoint";
    throw new StoreError("unavailable", `no server answers at ${endpoint}: ${fix}`, { cause });
  }
}

import type { AccessKey } from "../auth/access-key.ts";
import { StoreError } from "../base/errors.ts";
import { readRootKey } from "../node/root-key-file.ts";
import { type SignedCall, signedFetch } from "../node/signed-fetch.ts";
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
  const { status, text } = await askSigned(connection, { method: "GET", target });
  if (status === 200) return text;
  const said = `${elementOf(text, "Code") ?? status}: ${elementOf(text, "Message") ?? text}`;
  throw refusal(connection, status, said);
}

/**
 * Asks a page of the server's own that root has to sign for, with a value to send if there is one; the value it answers
 * with. StoreError as `askS3`, and `invalid` with the server's words where it refuses what is asked.
 */
export async function askAdmin(
  connection: Connection,
  ask: { readonly method: string; readonly target: string; readonly value?: unknown },
): Promise<unknown> {
  const { method, target, value } = ask;
  const sent = value === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(value)) };
  const { status, text } = await askSigned(connection, { method, target, ...sent });
  if (status >= 200 && status < 300) return text === "" ? undefined : JSON.parse(text);
  const said = errorOf(text) ?? `${status}: ${text}`;
  if (status === 403 || status >= 500) throw refusal(connection, status, said);
  throw new StoreError("invalid", said);
}

function errorOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }; // the server's form of an error
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}

const keyFix =
  `set ${rootKeyVariables.accessKeyId} and ${rootKeyVariables.secretAccessKey}, ` +
  "or name the data directory with --data";

function askSigned(
  { endpoint, region, key }: Connection,
  call: Omit<SignedCall, "signal">,
): Promise<Answer> {
  if (key === undefined) throw new StoreError("invalid", `there is no key to sign with: ${keyFix}`);
  const signal = AbortSignal.timeout(answerMs);
  return answerOf(endpoint, signedFetch(endpoint, { ...key, region }, { ...call, signal }));
}

function refusal({ endpoint, key }: Connection, status: number, said: string): StoreError {
  if (status !== 403) {
    return new StoreError("unavailable", `the server at ${endpoint} answers ${said}`);
  }
  const who = `the server at ${endpoint} refuses access key ${key?.accessKeyId}`;
  return new StoreError("invalid", `${who} (${said}): ${keyFix}`);
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

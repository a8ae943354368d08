import { readFileSync } from "node:fs";
import type { AccessKey } from "../auth/access-key.ts";
import { messageOf, StoreError } from "../base/errors.ts";
import { callServer, openServer, type Trust } from "../node/client/server-call.ts";
import { createClock } from "../node/platform/clock.ts";
import { indexDirectoryOf } from "../node/store/index-directory.ts";
import { readRootKey } from "../node/store/key-files.ts";
import { readServerFile } from "../node/store/server-file.ts";
import { type SignedCall, signedHeaders } from "../node/client/signed-headers.ts";
import { rootKeyOfEnvironment, rootKeyVariables } from "../server/root-credentials.ts";
import type { HeaderList } from "../platform/http.ts";
import type { ListenAt } from "../server/setting-values.ts";
import type { Flag, GivenFlags } from "./command.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";

/** Where a running server is, and how to talk to it. */
export interface ServerConnection {
  /** The server's URL, without a slash at its end. */
  readonly endpoint: string;
  readonly region: string;
  /**
   * The key to sign with; undefined where neither the variables nor the data directory have one.
   */
  readonly key: AccessKey | undefined;
  readonly trust: Trust;
}

/** The server's answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** @limit The time for one answer; these commands ask for little. */
const answerMs = 10_000;

export const caFlag: Flag = {
  name: "ca",
  value: "FILE",
  help: "additional CA certificates to trust (PEM file) (HOLDFAST_CA)",
};

export const connectionFlags: readonly Flag[] = [
  {
    name: "endpoint",
    value: "URL",
    help: "URL of the server (HOLDFAST_ENDPOINT, else the running server of --data)",
  },
  settingFlag("data"),
  settingFlag("listen"),
  settingFlag("region"),
  settingFlag("tls-cert"),
  caFlag,
  configFlag,
];

/**
 * The server that flags and variables name, else the one that runs in the data directory, else the
 * one that would listen where the settings say; and the root key from the variables or the file of
 * the data directory.
 */
export async function connectionOf(given: GivenFlags): Promise<ServerConnection> {
  const settings = settingsOf(given);
  const { listen, data } = settings;
  const named = given.flags.get("endpoint") ?? process.env["HOLDFAST_ENDPOINT"];
  // A server that is named otherwise need not be the directory's.
  const isNamed = named !== undefined || given.flags.has("listen");
  const keyGiven = rootKeyOfEnvironment(process.env);
  const isDirectoryNeeded = !isNamed || keyGiven === undefined;
  const directory = isDirectoryNeeded ? await indexDirectoryOf(createClock(), data) : "";
  const running = isNamed ? undefined : readServerFile(directory);
  const listening = localEndpoint(listen, settings["tls-cert"] !== "");
  const endpoint = named ?? running?.endpoint ?? listening;
  const region = given.flags.has("region") ? settings.region : (running?.region ?? settings.region);
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    const message = `--endpoint: "${endpoint}" is not a URL such as http://127.0.0.1:9000`;
    throw new StoreError("invalid", message);
  }
  const key = keyGiven ?? readRootKey(directory);
  const trust = { ...caTrust(given), own: readPem("--tls-cert", settings["tls-cert"]) };
  return { endpoint: endpoint.replace(/\/+$/, ""), region, key, trust };
}

/** The authorities that flag or variable name. */
export function caTrust({ flags }: Pick<GivenFlags, "flags">): Trust {
  const file = flags.get("ca") ?? process.env["HOLDFAST_CA"] ?? "";
  return { authorities: readPem("--ca", file) };
}

/** Where a server that listens there is reached from its own machine. */
export function localEndpoint({ host, port }: ListenAt, isSecure: boolean): string {
  const anywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const reached = anywhere[host] ?? host;
  return `${isSecure ? "https" : "http"}://${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}

/** GETs a page of the server's own; StoreError `unavailable` where nobody answers. */
export function ask(connection: ServerConnection, path: string): Promise<Answer> {
  return answerOf(connection, { method: "GET", target: path, headers: [] });
}

/**
 * GETs from S3, signed; `target` is path and query, percent-encoded. StoreError `unavailable` where
 * nobody answers, `invalid` where there is no key or the server refuses the call.
 */
export async function askS3(connection: ServerConnection, target: string): Promise<string> {
  const { status, text } = await askSigned(connection, { method: "GET", target });
  if (status === 200) return text;
  const said = `${elementOf(text, "Code") ?? status}: ${elementOf(text, "Message") ?? text}`;
  throw refusal(connection, status, said, elementOf(text, "Region"));
}

/**
 * Asks a page of the server's own that root has to sign for, with a value to send if there is one;
 * the value it answers with. StoreError as `askS3`, and `invalid` with the server's words where it
 * refuses what is asked.
 */
export async function askAdmin(
  connection: ServerConnection,
  ask: { readonly method: string; readonly target: string; readonly value?: unknown },
): Promise<unknown> {
  const { method, target, value } = ask;
  const sent = value === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(value)) };
  const { status, text } = await askSigned(connection, { method, target, ...sent });
  if (status >= 200 && status < 300) return text === "" ? undefined : JSON.parse(text);
  throw adminRefusal(connection, status, text);
}

/**
 * Asks a page of the server's own that answers line by line for as long as the signal lets it; each
 * line, without its end. StoreError as `askAdmin`, and `unavailable` where the answer breaks off.
 */
export async function* askLines(
  connection: ServerConnection,
  target: string,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const { status, pieces } = await calling(connection, (trust) => {
    const headers = signedFor(connection, { method: "GET", target });
    return openServer(connection.endpoint, { method: "GET", target, headers, signal, trust });
  });
  let rest = "";
  try {
    for await (const piece of pieces) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      if (status === 200) yield* lines;
      else rest = lines.join("\n") + rest;
    }
  } catch (cause) {
    if (signal.aborted) return;
    const message = `the answer of the server at ${connection.endpoint} broke off`;
    throw new StoreError("unavailable", message, { cause });
  }
  if (status !== 200) throw adminRefusal(connection, status, rest);
}

function adminRefusal(connection: ServerConnection, status: number, text: string): StoreError {
  const { error, region } = errorOf(text);
  const said = error ?? `${status}: ${text}`;
  if (status === 403 || status >= 500) return refusal(connection, status, said, region);
  return new StoreError("invalid", said);
}

function errorOf(text: string): { readonly error?: string; readonly region?: string } {
  try {
    return JSON.parse(text) as { error?: string; region?: string }; // the server's form of an error
  } catch {
    return {};
  }
}

export const keyFix =
  `set ${rootKeyVariables.accessKeyId} and ${rootKeyVariables.secretAccessKey}, ` +
  "or name the data directory with --data";

function askSigned(connection: ServerConnection, call: SignedCall): Promise<Answer> {
  return answerOf(connection, { ...call, headers: signedFor(connection, call) });
}

function signedFor({ endpoint, region, key }: ServerConnection, call: SignedCall): HeaderList {
  if (key === undefined) throw new StoreError("invalid", `there is no key to sign with: ${keyFix}`);
  return signedHeaders(new URL(endpoint).host, { ...key, region }, call);
}

/** `region` is the server's, where the call was signed for another one. */
function refusal(
  { endpoint, key, region: given }: ServerConnection,
  status: number,
  said: string,
  region?: string,
): StoreError {
  if (region !== undefined) {
    const message = `the server at ${endpoint} serves region ${region}, not ${given}: give --region ${region}`;
    return new StoreError("invalid", message);
  }
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

function answerOf(
  connection: ServerConnection,
  call: SignedCall & { readonly headers: HeaderList },
): Promise<Answer> {
  const signal = AbortSignal.timeout(answerMs);
  return calling(connection, (trust) =>
    callServer(connection.endpoint, { ...call, signal, trust }),
  );
}

/** Where the server cannot be asked, what to do about it. */
async function calling<T>(
  { endpoint, trust }: ServerConnection,
  call: (trust: Trust) => Promise<T>,
): Promise<T> {
  try {
    return await call(trust);
  } catch (cause) {
    if (isDistrust(cause)) {
      const fix = "give the certificate of its CA with --ca, or its own with --tls-cert";
      const message = `the server at ${endpoint} is not trusted (${messageOf(cause)}): ${fix}`;
      throw new StoreError("unavailable", message, { cause });
    }
    const fix = "start it with holdfast serve, or name it with --endpoint";
    throw new StoreError("unavailable", `no server answers at ${endpoint}: ${fix}`, { cause });
  }
}

/** The codes of OpenSSL and Node for certificates that do not hold. */
function isDistrust(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return /CERT|ISSUER|SIGNATURE/.test(code);
}

function readPem(flag: string, path: string): string | undefined {
  if (path === "") return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new StoreError("invalid", `${flag} ${path}: ${messageOf(cause)}`, { cause });
  }
}

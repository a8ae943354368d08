import { Agent as HttpAgent, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { buffer } from "node:stream/consumers";
import type { SigningIdentity } from "../../auth/sign.ts";
import { percentEncode } from "../../auth/canonical-request.ts";
import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import type { Clock } from "../../platform/platform.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";
import { parseAnyXml, type XmlNode } from "../../s3/xml/xml-read.ts";
import { sendCall, type Trust } from "./server-call.ts";
import { signedHeaders } from "./signed-headers.ts";

/*
 * A bucket of an S3 server as a target for the index: four operations, by path, signed. A call that
 * fails on the way, or that the server cannot answer now, is repeated some times; then it fails,
 * and who ships or restores decides.
 */

export interface BucketTargetOptions {
  readonly clock: Clock;
  /** The server's URL. */
  readonly endpoint: string;
  readonly bucket: string;
  /** What stands before all names, without a slash at its ends; may be empty. */
  readonly prefix: string;
  readonly identity: SigningIdentity;
  readonly trust: Trust;
  readonly limits?: Partial<BucketCallLimits> | undefined;
}

export interface BucketCallLimits {
  /** Tries of one call. */
  readonly attempts: number;
  /** Before the second attempt; doubled before each further one. */
  readonly pauseMs: number;
  /** A call without progress fails. */
  readonly silenceMs: number;
  /** Keys of one listing. */
  readonly keysPerPage: number;
}

/**
 * @limit Four attempts with 0.5, 1 and 2 s between them: what lasts longer is tried again by the
 * task, every minute at the most. 10 MiB at 1 Mbit/s take 80 s, and are never silent for 30.
 */
const callLimits: BucketCallLimits = {
  attempts: 4,
  pauseMs: 500,
  silenceMs: 30_000,
  keysPerPage: 1000,
};
/** @limit Connections to the server. */
const connectionsMax = 8;
/** @limit What a server may answer: more than any file that is put. */
const answerBytesMax = 128 * 1024 * 1024;

interface BucketCall {
  readonly method: "GET" | "PUT" | "DELETE";
  /** Path and query, percent-encoded. */
  readonly target: string;
  readonly body?: Uint8Array | undefined;
  /** What is done, for messages. */
  readonly what: string;
}

interface BucketAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

export class BucketTarget implements ShippingTarget {
  readonly name: string;
  readonly #options: BucketTargetOptions;
  readonly #limits: BucketCallLimits;
  readonly #agent: HttpAgent;
  readonly #base: string;

  constructor(options: BucketTargetOptions) {
    const { bucket, prefix, endpoint } = options;
    this.#options = options;
    this.#limits = { ...callLimits, ...options.limits };
    this.name = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
    this.#base = prefix === "" ? "" : `${prefix}/`;
    const pool = { keepAlive: true, maxSockets: connectionsMax };
    this.#agent = endpoint.startsWith("https:") ? new HttpsAgent(pool) : new HttpAgent(pool);
  }

  async list(directory: string, signal: AbortSignal): Promise<string[]> {
    const names: string[] = [];
    const { bucket } = this.#options;
    const prefix = percentEncode(`${this.#base}${directory}/`);
    let more = "";
    for (;;) {
      const query = `list-type=2&max-keys=${this.#limits.keysPerPage}&prefix=${prefix}${more}`;
      const call = { method: "GET", target: `/${bucket}?${query}`, what: "listing it" } as const;
      const page = pageOf(await this.#call(call, signal));
      names.push(...page.keys.map((key) => key.slice(this.#base.length)));
      if (page.next === undefined) return names;
      more = `&continuation-token=${percentEncode(page.next)}`;
    }
  }

  async put(name: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    const call = {
      method: "PUT",
      target: this.#path(name),
      body,
      what: `putting ${name}`,
    } as const;
    await this.#call(call, signal);
  }

  async get(name: string, signal: AbortSignal): Promise<Uint8Array> {
    const call = { method: "GET", target: this.#path(name), what: `reading ${name}` } as const;
    return (await this.#call(call, signal)).body;
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const call = { method: "DELETE", target: this.#path(name), what: `removing ${name}` } as const;
    await this.#call(call, signal);
  }

  #path(name: string): string {
    const words = `${this.#base}${name}`.split("/").map(percentEncode);
    return `/${this.#options.bucket}/${words.join("/")}`;
  }

  /** The answer of a call that succeeded. */
  async #call(call: BucketCall, signal: AbortSignal): Promise<BucketAnswer> {
    const { clock } = this.#options;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const failure = await this.#attempt(call, signal);
      if (!(failure instanceof StoreError)) return failure;
      signal.throwIfAborted();
      if (failure.code !== "unavailable" || attempt === this.#limits.attempts) throw failure;
      await clock.sleep(this.#limits.pauseMs * 2 ** (attempt - 1), signal);
    }
  }

  async #attempt(call: BucketCall, signal: AbortSignal): Promise<BucketAnswer | StoreError> {
    const where = `${this.name} at ${this.#options.endpoint}: ${call.what}`;
    try {
      const response = await this.#send(call, signal);
      const length = Number(response.headers["content-length"] ?? 0);
      if (length > answerBytesMax) {
        response.destroy();
        return new StoreError("invalid", `${where}: an answer of ${length} bytes`);
      }
      const body = await buffer(response);
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) return { status, body };
      return refusalOf(where, status, body);
    } catch (cause) {
      if (isStoreError(cause)) return cause;
      return new StoreError("unavailable", `${where}: ${messageOf(cause)}`, { cause });
    }
  }

  #send({ method, target, body }: BucketCall, signal: AbortSignal): Promise<IncomingMessage> {
    const { endpoint, identity, trust } = this.#options;
    const headers = signedHeaders(new URL(endpoint).host, identity, { method, target, body });
    const { silenceMs } = this.#limits;
    const call = { method, target, headers, body, signal, trust };
    return sendCall(endpoint, call, { agent: this.#agent, timeout: silenceMs });
  }
}

/** What a server answered that refused, or could not answer now. */
function refusalOf(where: string, status: number, body: Uint8Array): StoreError {
  const said = errorIn(body);
  const message = `${where}: answered ${status}${said === undefined ? "" : ` ${said}`}`;
  const isPassing = status >= 500 || status === 408 || status === 429;
  if (isPassing) return new StoreError("unavailable", message);
  if (status === 404 && said?.startsWith("NoSuchKey") === true) {
    return new StoreError("missing", message);
  }
  return new StoreError("invalid", message);
}

function errorIn(body: Uint8Array): string | undefined {
  try {
    const error = parseAnyXml(body);
    const code = textOf(error, "Code");
    return code === undefined ? undefined : `${code}: ${textOf(error, "Message") ?? ""}`;
  } catch {
    return undefined; // an answer of something else on the way, such as a proxy
  }
}

function pageOf({ body }: BucketAnswer): { keys: string[]; next: string | undefined } {
  const root = parseAnyXml(body);
  const contents = root.children.filter(({ name }) => name === "Contents");
  const keys = contents.flatMap((one) => textOf(one, "Key") ?? []);
  const isCut = textOf(root, "IsTruncated") === "true";
  return { keys, next: isCut ? textOf(root, "NextContinuationToken") : undefined };
}

function textOf(node: XmlNode, name: string): string | undefined {
  return node.children.find((child) => child.name === name)?.text;
}

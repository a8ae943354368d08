import { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { checkServerIdentity, getCACertificates } from "node:tls";
import type { HeaderList } from "../../platform/http.ts";

/** Additional CA certificates to trust, in PEM. */
export interface Trust {
  readonly authorities?: string | undefined;
  /**
   * The server's own certificate: it may stand for any name, as who reads the server's files asks
   * it at 127.0.0.1.
   */
  readonly own?: string | undefined;
}

export interface ServerCall {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly target: string;
  readonly headers?: HeaderList;
  readonly body?: Uint8Array | undefined;
  readonly signal: AbortSignal;
  readonly trust: Trust;
}

export interface ServerAnswer {
  readonly status: number;
  readonly text: string;
}

export interface OpenAnswer {
  readonly status: number;
  /** The answer's text. It must be read to its end, or ended by the call's signal. */
  readonly pieces: AsyncIterable<string>;
}

/** One call of a server; the answer is read whole. */
export async function callServer(endpoint: string, call: ServerCall): Promise<ServerAnswer> {
  const { status, pieces } = await openServer(endpoint, call);
  let text = "";
  for await (const piece of pieces) text += piece;
  return { status, text };
}

/**
 * One call of a server, over TLS if its URL says so; rejects where it does not answer or is not
 * trusted.
 */
export async function openServer(endpoint: string, call: ServerCall): Promise<OpenAnswer> {
  const response = await sendCall(endpoint, call, { agent: false });
  // As its encoding has it.
  const pieces = response.setEncoding("utf8") as AsyncIterable<string>;
  return { status: response.statusCode ?? 0, pieces };
}

/** Opens a call as `openServer`; the body is the caller's to read, or to destroy. */
export function sendCall(
  endpoint: string,
  { method, target, headers = [], body, signal, trust }: ServerCall,
  more: Pick<RequestOptions, "agent" | "timeout">,
): Promise<IncomingMessage> {
  const isSecure = endpoint.startsWith("https:");
  // Not by an import, as in http/answer-writer.ts: `serve` has this file, too.
  const request = isSecure ? httpsRequest : process.getBuiltinModule("node:http").request;
  return new Promise((resolve, reject) => {
    const options = { method, signal, ...more, ...(isSecure ? trusting(trust) : {}) };
    const sent = request(endpoint + target, options, resolve);
    for (const [name, value] of headers) sent.setHeader(name, value);
    const timedOut = (): void => void sent.destroy(new Error("no answer in time"));
    sent.once("timeout", timedOut).once("error", reject).end(body);
  });
}

function trusting({ authorities, own }: Trust): RequestOptions {
  const more = [authorities, own].filter((pem) => pem !== undefined);
  if (more.length === 0) return {};
  const raw = own === undefined ? undefined : new X509Certificate(own).raw;
  return {
    ca: [...getCACertificates("default"), ...more],
    // The own certificate need not come with its authority's.
    allowPartialTrustChain: own !== undefined,
    checkServerIdentity: (host, certificate) =>
      raw?.equals(certificate.raw) === true ? undefined : checkServerIdentity(host, certificate),
  };
}

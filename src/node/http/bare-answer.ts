import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpResponse } from "../../platform/http.ts";
import type { Log } from "../../platform/platform.ts";

/*
 * Answers of the server itself, where no handler was asked or none answered. They have S3's form,
 * since it is S3's clients that read them, but no request id: nothing of the request is known or
 * was looked at.
 */

const answers = {
  malformed: {
    status: 400,
    code: "BadRequest",
    message: "An error occurred when parsing the HTTP request.",
  },
  headersTooLarge: {
    status: 400,
    code: "RequestHeaderSectionTooLarge",
    message: "Your request header and query parameter sections exceed the maximum allowed size.",
  },
  httpToTls: {
    status: 400,
    code: "InvalidRequest",
    message:
      "This port serves https, and the request was sent by http. Use an endpoint that begins with https://.",
  },
  timeout: {
    status: 400,
    code: "RequestTimeout",
    message:
      "Your socket connection to the server was not read from or written to within the timeout period. " +
      "Idle connections will be closed.",
  },
  transferEncoding: {
    status: 501,
    code: "NotImplemented",
    message: "A header you provided implies functionality that is not implemented",
    header: "Transfer-Encoding",
  },
  overloaded: { status: 503, code: "SlowDown", message: "Please reduce your request rate." },
  internal: {
    status: 500,
    code: "InternalError",
    message: "We encountered an internal error. Please try again.",
  },
} as const;

export type HttpRefusal = keyof typeof answers;

function document(what: HttpRefusal): string {
  const answer = answers[what];
  const header = "header" in answer ? `<Header>${answer.header}</Header>` : "";
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Error><Code>${answer.code}</Code><Message>${answer.message}</Message>${header}</Error>`
  );
}

export function bareAnswer(what: HttpRefusal): HttpResponse {
  const { status } = answers[what];
  const headers: [string, string][] = [["content-type", "application/xml"]];
  if (status === 503) headers.push(["retry-after", "1"]);
  return { status, headers, body: encodeUtf8(document(what)) };
}

/** The same as raw HTTP, for a socket on which nothing could be parsed. */
export function rawAnswer(what: HttpRefusal): string {
  const { status } = answers[what];
  const body = document(what);
  return (
    `HTTP/1.1 ${status} ${status === 400 ? "Bad Request" : "Error"}\r\ncontent-type: application/xml\r\n` +
    `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`
  );
}

/**
 * @limit Between two lines of the log of one kind: a misdirected client tries again for hours.
 */
const logIntervalMs = 60_000;

/** The first byte of a TLS handshake record. */
const tlsHandshake = 0x16;

/**
 * A fatal alert, "protocol_version" (70), in a record of TLS 1.0: RFC 8446, section 6. TLS clients
 * report it by name.
 */
const protocolVersionAlert = Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70);

/** Tells client and operator when http is spoken to the port of https, or https to that of http. */
export class WrongProtocol {
  readonly #log: Log;
  readonly #logged = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** True if this byte begins a TLS handshake. */
  isTls(first: number | undefined): boolean {
    return first === tlsHandshake;
  }

  /** The answer to TLS on the port of http. */
  alert(): Uint8Array {
    this.#warn(
      "https_sent_to_http_port",
      "this port serves http alone: use http://, or serve with --tls-cert and --tls-key",
    );
    return protocolVersionAlert;
  }

  /** Answers http on the port of https; false where the failed handshake means something else. */
  answerHttp(error: NodeJS.ErrnoException, socket: TLSSocket, lingerMs: number): boolean {
    if (error.code !== "ERR_SSL_HTTP_REQUEST" || !("_parent" in socket)) return false;
    const below = socket._parent as Socket; // what a TLSSocket wraps
    this.#warn("http_sent_to_https_port", "this port serves https alone: use https://");
    if (!below.writable) return true;
    below.on("error", () => below.destroy()).end(rawAnswer("httpToTls"));
    const late = setTimeout(() => below.destroy(), lingerMs);
    below.resume().once("close", () => clearTimeout(late));
    return true;
  }

  #warn(event: string, fix: string): void {
    const now = performance.now();
    if (now - (this.#logged.get(event) ?? -logIntervalMs) < logIntervalMs) return;
    this.#logged.set(event, now);
    this.#log("warn", event, { fix });
  }
}

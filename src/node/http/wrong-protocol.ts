import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { decodeUtf8 } from "../../base/bytes.ts";
import type { Log } from "../../platform/platform.ts";
import { bareAnswer, type HttpRefusal } from "../../s3/bare-answer.ts";

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

/** The answer to what is no request, as the last bytes on its connection. */
export function rawAnswer(what: HttpRefusal): string {
  const { status, headers, body } = bareAnswer(what);
  const text = body instanceof Uint8Array ? decodeUtf8(body) : "";
  const lines = [
    `HTTP/1.1 ${status} ${status === 400 ? "Bad Request" : "Error"}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `content-length: ${text.length}`,
    "connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${text}`;
}

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

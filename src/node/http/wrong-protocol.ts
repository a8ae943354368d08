import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Log } from "../../platform/platform.ts";
import { rawAnswer } from "./bare-answer.ts";

/**
 * @limit One line of the log in so long for each kind: a misdirected client tries again for hours.
 */
const logIntervalMs = 60_000;

/** The first byte of a TLS handshake record. */
const tlsHandshake = 0x16;

/** A fatal alert, "protocol_version" (70), in a record of TLS 1.0: RFC 8446, section 6. TLS clients report it by name. */
const protocolVersionAlert = Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70);

/** Tells client and operator when http is spoken to the port of https, or https to that of http. */
export class WrongProtocol {
  readonly #log: Log;
  readonly #logged = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether what begins with this byte is a greeting of TLS. */
  isTls(first: number | undefined): boolean {
    return first === tlsHandshake;
  }

  /** The answer to TLS on the port of http. */
  alert(): Uint8Array {
    this.#tell(
      "https_sent_to_http_port",
      "this port serves http alone: use http://, or serve with --tls-cert and --tls-key",
    );
    return protocolVersionAlert;
  }

  /** Answers http on the port of https; false where the failed handshake means something else. */
  answerHttp(error: NodeJS.ErrnoException, socket: TLSSocket, lingerMs: number): boolean {
    if (error.code !== "ERR_SSL_HTTP_REQUEST" || !("_parent" in socket)) return false;
    const below = socket._parent as Socket; // what a TLSSocket wraps
    this.#tell("http_sent_to_https_port", "this port serves https alone: use https://");
    if (!below.writable) return true;
    below.on("error", () => below.destroy()).end(rawAnswer("httpToTls"));
    const late = setTimeout(() => below.destroy(), lingerMs);
    below.resume().once("close", () => clearTimeout(late));
    return true;
  }

  #tell(event: string, fix: string): void {
    const now = performance.now();
    if (now - (this.#logged.get(event) ?? -logIntervalMs) < logIntervalMs) return;
    this.#logged.set(event, now);
    this.#log("warn", event, { fix });
  }
}

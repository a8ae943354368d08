import type { Duplex } from "node:stream";
import type { Log } from "../../platform/log.ts";
import { rawAnswer } from "./bare-answer.ts";

/** One line of the log in so long for each kind: a misdirected client tries again for hours. */
const logIntervalMs = 60_000;

/** The first byte of a TLS handshake record. */
const tlsHandshake = 0x16;

/** A fatal alert, "protocol_version" (70), in a record of TLS 1.0: RFC 8446, section 6. TLS clients report it by name. */
const protocolVersionAlert = Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70);

/** Node's errors carry the bytes that could not be parsed, and a TLS socket the one below it. */
interface UnparsedError extends NodeJS.ErrnoException {
  readonly rawPacket?: Uint8Array | undefined;
}

/** Tells client and operator when http is spoken to the port of https, or https to that of http. */
export class WrongProtocol {
  readonly #log: Log;
  readonly #logged = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Answers and returns true where the error means that; false where it means something else. */
  answer(error: UnparsedError, socket: Duplex, lingerMs: number): boolean {
    const { code, rawPacket } = error;
    if (code === "ERR_SSL_HTTP_REQUEST" && "_parent" in socket) {
      this.#end(socket._parent as Duplex, rawAnswer("httpToTls"), lingerMs); // what TLSSocket wraps
      this.#tell("http_sent_to_https_port", "this port serves https alone: use https://");
      return true;
    }
    if (code?.startsWith("HPE_") === true && rawPacket?.[0] === tlsHandshake) {
      this.#end(socket, protocolVersionAlert, lingerMs);
      const fix =
        "this port serves http alone: use http://, or serve with --tls-cert and --tls-key";
      this.#tell("https_sent_to_http_port", fix);
      return true;
    }
    return false;
  }

  #end(socket: Duplex, answer: string | Uint8Array, lingerMs: number): void {
    if (!socket.writable) return;
    socket.on("error", () => socket.destroy());
    socket.end(answer);
    const late = setTimeout(() => socket.destroy(), lingerMs);
    socket.resume().once("close", () => clearTimeout(late));
  }

  #tell(event: string, fix: string): void {
    const now = performance.now();
    if (now - (this.#logged.get(event) ?? -logIntervalMs) < logIntervalMs) return;
    this.#logged.set(event, now);
    this.#log("warn", event, { fix });
  }
}

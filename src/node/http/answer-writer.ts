import type { Socket } from "node:net";
import { noBytes } from "../../base/bytes.ts";
import { createHttpDates } from "../../base/http-date.ts";
import type { HttpResponse } from "../../platform/http.ts";

/**
 * How the end of an answer's body is known: by the length in its head, by its last frame, by the
 * connection's end.
 */
export type AnswerFraming = "length" | "chunked" | "close";

export interface AnswerHead {
  readonly text: string;
  readonly framing: AnswerFraming;
  /** Bytes of the body, as stated in the head. */
  readonly bodyBytes: number;
  /** No body follows, whatever the head says of one. */
  readonly isBodiless: boolean;
}

/** The request and the connection that an answer is for. */
export interface AnswerTo {
  readonly isHead: boolean;
  /** HTTP/1.0 knows no chunked coding. */
  readonly isVersion10: boolean;
  /** No other answer follows on the connection. */
  readonly isLast: boolean;
}

/**
 * @limit Heads and bodies up to this are copied into one buffer and leave in one write: cheaper
 * than a write of two parts. It is a socket's high-water mark too, so that after a larger write
 * that is not taken at once `drain` comes.
 */
export const copiedBytesMax = 64 * 1024;

/**
 * Not by an import: that reads everything `node:http` exports, `WebSocket` too, and so loads Node's
 * HTTP client (7 MB of private memory in each process, Node 26.10).
 */
const { STATUS_CODES } = process.getBuiltinModule("node:http");

/** The rest of a line must be neither cut off nor continued by what a header holds. */
const notInField = /[^\t\x20-\x7e\x80-\xff]/;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Writes answers of one server. */
export class AnswerWriter {
  readonly #formatDate = createHttpDates();
  readonly #keepAlive: string;
  readonly #secure: boolean;
  /** Reused while the kernel takes what is written at once. */
  #buffer = Buffer.allocUnsafeSlow(copiedBytesMax);

  constructor(keepAliveMs: number, secure: boolean) {
    const seconds = Math.floor(keepAliveMs / 1000);
    this.#keepAlive = `connection: keep-alive\r\nkeep-alive: timeout=${seconds}\r\n\r\n`;
    this.#secure = secure;
  }

  /** The head of an answer; throws where a header would not arrive as it is. */
  head(answer: HttpResponse, to: AnswerTo): AnswerHead {
    const { status, headers, body } = answer;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
    let length: string | undefined;
    let hasDate = false;
    for (const [name, value] of headers) {
      if (notInField.test(value) || !token.test(name)) {
        throw new Error(`a header of the answer is not well-formed: ${name}`);
      }
      if (name === "content-length") length = value;
      else if (name === "date") hasDate = true;
      text += `${name}: ${value}\r\n`;
    }
    if (!hasDate) text += `date: ${this.#formatDate(Date.now())}\r\n`;
    const hasLength = status >= 200 && status !== 204 && status !== 304;
    const isBodiless = to.isHead || !hasLength;
    const bodyBytes =
      body === undefined || body instanceof Uint8Array ? (body?.length ?? 0) : undefined;
    let framing: AnswerFraming = "length";
    if (length === undefined && hasLength) {
      if (bodyBytes !== undefined) text += `content-length: ${bodyBytes}\r\n`;
      else if (!isBodiless) framing = to.isVersion10 ? "close" : "chunked";
    } else if (!isBodiless && bodyBytes !== undefined && bodyBytes !== Number(length)) {
      throw new Error(`an answer of ${bodyBytes} bytes says that it has ${length}`);
    }
    if (framing === "chunked") text += "transfer-encoding: chunked\r\n";
    text += to.isLast || framing === "close" ? "connection: close\r\n\r\n" : this.#keepAlive;
    return { text, framing, bodyBytes: Number(length ?? bodyBytes), isBodiless };
  }

  /**
   * Writes text (in Latin-1), bytes and text again at once. False where `drain` must be waited for:
   * before it, more may not be written, and the bytes' memory may still be needed.
   */
  write(socket: Socket, before: string, bytes: Uint8Array = noBytes, behind = ""): boolean {
    const length = before.length + bytes.length + behind.length;
    if (length > copiedBytesMax) {
      socket.cork();
      socket.write(before, "latin1");
      socket.write(bytes);
      if (behind !== "") socket.write(behind, "latin1");
      socket.uncork();
      return socket.writableLength === 0;
    }
    const isLent = !this.#secure && socket.writableLength === 0;
    const buffer = isLent ? this.#buffer : Buffer.allocUnsafe(length);
    buffer.write(before, 0, "latin1");
    buffer.set(bytes, before.length);
    if (behind !== "") buffer.write(behind, before.length + bytes.length, "latin1");
    socket.write(isLent ? buffer.subarray(0, length) : buffer);
    if (socket.writableLength === 0) return true;
    // The socket still needs the old one.
    if (isLent) this.#buffer = Buffer.allocUnsafeSlow(copiedBytesMax);
    return !socket.writableNeedDrain;
  }
}

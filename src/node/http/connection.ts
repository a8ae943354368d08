import type { Socket } from "node:net";
import { BodyFault } from "../../platform/body-fault.ts";
import { isStoreError, messageOf } from "../../base/errors.ts";
import type { HttpHandler, HttpResponse } from "../../platform/http.ts";
import type { Log } from "../../platform/platform.ts";
import type { AnswerHead, AnswerWriter } from "./answer-writer.ts";
import { type HttpRefusal, bareAnswer } from "../../s3/bare-answer.ts";
import { rawAnswer, type WrongProtocol } from "./wrong-protocol.ts";
import type { HeadParser, ReceivedHead } from "./head-parser.ts";
import { IncomingRequest, peerLeft } from "./incoming-request.ts";
import type { HttpLimits } from "./limits.ts";
import { PeerPace } from "./peer-pace.ts";
import { type BodySource, RequestBody } from "./request-body.ts";
import { sendStream } from "./send-stream.ts";

/** The parts that the connections of a server share. */
export interface Serving {
  readonly handler: HttpHandler;
  readonly limits: HttpLimits;
  readonly log: Log;
  /** True if the server speaks TLS. */
  readonly secure: boolean;
  readonly parser: HeadParser;
  readonly writer: AnswerWriter;
  readonly wrongProtocol: WrongProtocol;
  isStopping: boolean;
  /** Requests that were not refused for their number. */
  underWay: number;
  readonly refused: { connections: number; requests: number };
}

/**
 * A peer's connection. Its requests are served one after the other, as their answers must be sent;
 * what it sends behind the one that is served is read ahead within limits. Handlers that answer at
 * once are answered in the same turn.
 */
export class Connection implements BodySource {
  readonly #socket: Socket;
  readonly #serving: Serving;
  /** True past the limit of connections: its requests are answered SlowDown. */
  readonly #isSurplus: boolean;
  readonly #sending: PeerPace;
  /** The one that is served. */
  #request: IncomingRequest | undefined;
  #isCounted = false;
  #isReading = false;
  /** The body of which the next bytes are. */
  #body: RequestBody | undefined;
  /** Read ahead. */
  readonly #waiting: ReceivedHead[] = [];
  /**
   * Bytes received and not read yet: the beginning of a head, or bytes after a head whose turn has
   * not come.
   */
  #held: Buffer | undefined;
  /** The client said of a request that it is its last. */
  #isLastRead = false;
  /**
   * The input cannot be read: the answer to the last readable request is the last, and the peer may
   * still be sending.
   */
  #isUnreadable = false;
  /** The peer has sent all it will. */
  #hasEnded = false;
  /** An answer has begun that is the last. */
  #isLast = false;
  #isAnswering = false;
  /** The request is over only when the socket has written its answer (`drain`). */
  #isWriting = false;
  /**
   * While it closes: bytes that are still thrown away for the peer to read the answer first, and
   * the time for all.
   */
  #lingerBytes = 0;
  #closesInMs: number | undefined;
  /**
   * Since the connection opened or the last request was over, until the next one's head is whole.
   */
  #headMs = 0;
  #silentMs = 0;
  #movedBytes = 0;
  #wasAsked = false;

  constructor(socket: Socket, isSurplus: boolean, serving: Serving) {
    this.#socket = socket;
    this.#isSurplus = isSurplus;
    this.#serving = serving;
    this.#sending = new PeerPace({ windowMs: serving.limits.pieceMs, bytesMin: 1 });
    socket
      .on("data", this.#onData)
      .on("end", this.#onEnd)
      .on("drain", this.#onWritten)
      .on("error", () => undefined) // `close` follows
      .on("close", this.#onClose);
  }

  /** Directions in which the peer is waited for. */
  get peerWaits(): number {
    return (this.#sending.isWaiting ? 1 : 0) + (this.#body?.isWaiting === true ? 1 : 0);
  }

  /** No request is being read, served or answered. */
  get #isIdle(): boolean {
    return (
      this.#wasAsked &&
      this.#request === undefined &&
      this.#body === undefined &&
      this.#held === undefined &&
      this.#closesInMs === undefined
    );
  }

  /** Called at a stop: what is under way finishes, and nothing else begins. */
  stop(): void {
    if (this.#isIdle) this.#socket.destroySoon();
  }

  /** Called as time goes by, with the time since the last call. */
  passed(ms: number): void {
    const { limits } = this.#serving;
    this.#body?.passed(ms);
    if (this.#sending.passed(ms)) this.#socket.destroy();
    const moved = this.#socket.bytesRead + this.#socket.bytesWritten;
    this.#silentMs = moved === this.#movedBytes ? this.#silentMs + ms : 0;
    this.#movedBytes = moved;
    if (this.#closesInMs !== undefined) {
      this.#closesInMs -= ms;
      if (this.#closesInMs <= 0) this.#lingeredOut();
    } else if (this.#request !== undefined || this.#body !== undefined) {
      if (this.#silentMs >= limits.silentMs) this.#socket.destroy();
    } else if (this.#isIdle) {
      if (this.#silentMs >= limits.keepAliveMs) this.#socket.destroy();
    } else {
      this.#headMs += ms;
      if (this.#headMs >= limits.headersMs) this.#headIsLate();
    }
  }

  bodyPulled(): void {
    if (this.#request?.received.expectsContinue === true && !this.#isAnswering) {
      this.#socket.write("HTTP/1.1 100 Continue\r\n\r\n", "latin1");
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  readonly #onData = (data: Buffer): void => {
    if (this.#closesInMs !== undefined) {
      this.#lingerBytes -= data.length;
      if (this.#lingerBytes <= 0) this.#lingeredOut();
      return;
    }
    const held = this.#held;
    this.#held = undefined;
    this.#read(held === undefined ? data : Buffer.concat([held, data]));
  };

  /** Reads requests out of what came, and serves those whose turn it is. */
  #read(data: Buffer): void {
    let at = 0;
    this.#isReading = true;
    while (this.#canRead(data, at)) {
      if (this.#body !== undefined) {
        at = this.#takeBody(data, at);
      } else if (this.#request === undefined && this.#waiting.length > 0) {
        at = this.#begin(this.#waiting.shift()!, data, at);
      } else if (this.#isHeldBack) {
        this.#held = data.subarray(at);
        this.pause();
        break;
      } else {
        const head = this.#serving.parser.parse(data, at);
        // Copied: what it is the end of may be much longer.
        if (head === "partial") this.#held = at === 0 ? data : Buffer.from(data.subarray(at));
        else if (typeof head === "string") this.#cannotRead(head, data[at]);
        else at = this.#take(head, data);
        if (typeof head === "string") break;
      }
    }
    this.#isReading = false;
    if (this.#hasEnded) this.#inputEnded();
    if (this.#request === undefined && this.#isUnreadable) this.#end();
    if (this.#serving.isStopping) this.stop();
  }

  /** True if there is anything to do with the bytes from `at` on. */
  #canRead(data: Buffer, at: number): boolean {
    if (this.#socket.destroyed || this.#closesInMs !== undefined) return false;
    if (this.#request === undefined && this.#waiting.length > 0) return true;
    // Bytes after the client's last request must not be acted on: it will send them again (RFC
    // 9112, 9.6).
    const isBehind = this.#isLastRead && this.#body === undefined && !this.#isHeldBack;
    return at < data.length && !isBehind && !this.#isUnreadable;
  }

  /** Takes what came of a body; returns where the bytes behind it begin. */
  #takeBody(data: Buffer, start: number): number {
    const body = this.#body!;
    const end = body.take(data, start);
    if (end < 0) this.#cannotRead("malformed");
    else if (body.isWhole) this.#body = undefined;
    return end < 0 ? data.length : end;
  }

  /** A body is read when its request is served: what stands behind such a head waits. */
  get #isHeldBack(): boolean {
    const last = this.#waiting.at(-1);
    return last !== undefined && last.bodyBytes !== 0;
  }

  /** Serves what was read, or has it wait; returns where the bytes behind it begin. */
  #take(head: ReceivedHead, data: Buffer): number {
    this.#wasAsked = true;
    this.#headMs = 0;
    if (!head.keepsAlive) this.#isLastRead = true;
    if (this.#request === undefined) return this.#begin(head, data, head.end);
    if (this.#waiting.length < this.#serving.limits.pipelined) this.#waiting.push(head);
    else this.#socket.destroy();
    return head.end;
  }

  /**
   * Serves a request with what came of its body, from `at` on; returns where the bytes behind it
   * begin.
   */
  #begin(head: ReceivedHead, data: Buffer, at: number): number {
    const { limits, secure } = this.#serving;
    const body = head.bodyBytes === 0 ? undefined : new RequestBody(this, head.bodyBytes, limits);
    this.#request = new IncomingRequest(head, body, this.#socket, secure);
    this.#isAnswering = false;
    this.#body = body;
    const end = body === undefined || at >= data.length ? at : this.#takeBody(data, at);
    if (this.#hasEnded) body?.fail(cutOff());
    this.#handle(this.#request);
    return end;
  }

  #handle(request: IncomingRequest): void {
    const { limits, handler, refused } = this.#serving;
    this.#isCounted = !this.#isSurplus && this.#serving.underWay < limits.requests;
    if (!this.#isCounted) {
      refused[this.#isSurplus ? "connections" : "requests"]++;
      return this.#answer(bareAnswer("overloaded"));
    }
    this.#serving.underWay++;
    let answer: HttpResponse | Promise<HttpResponse>;
    try {
      answer = handler(request);
    } catch (error) {
      return this.#failed(error);
    }
    if (answer instanceof Promise) void answer.then(this.#answer, this.#failed);
    else this.#answer(answer);
  }

  /** Whatever a handler throws becomes an answer. */
  readonly #failed = (error: unknown): void => {
    if (error instanceof BodyFault) return this.#answer(bareAnswer("malformed"));
    if (isStoreError(error, "stalled")) return this.#answer(bareAnswer("timeout"));
    if (!this.#socket.destroyed) {
      const stack = error instanceof Error ? error.stack : undefined;
      const failure = { target: this.#request?.head.target, message: messageOf(error), stack };
      this.#serving.log("error", "handler_failed", failure);
    }
    this.#answer(bareAnswer("internal"));
  };

  readonly #answer = (answer: HttpResponse): void => {
    const { writer, limits } = this.#serving;
    const { head: asked, isVersion10 } = this.#request!.received;
    const isHead = asked.method === "HEAD";
    this.#isAnswering = true;
    this.#isLast = this.#mustBeLast();
    let head: AnswerHead;
    try {
      head = writer.head(answer, { isHead, isVersion10, isLast: this.#isLast });
    } catch (error) {
      return this.#broken(error, answer.body);
    }
    this.#isLast ||= head.framing === "close";
    const body = head.isBodiless ? undefined : answer.body;
    if (body !== undefined && !(body instanceof Uint8Array)) {
      void this.#stream(head, body);
    } else if (this.#socket.destroyed) {
      this.#over();
    } else if (body !== undefined && body.length > limits.pieceBytes) {
      void this.#stream(head, onlyPiece(body));
    } else if (writer.write(this.#socket, head.text, body)) {
      this.#over();
    } else {
      this.#isWriting = true;
      this.#sending.wait();
    }
  };

  /** True if the answer that is due ends the connection. */
  #mustBeLast(): boolean {
    const { keepsAlive, expectsContinue, bodyBytes } = this.#request!.received;
    const { isStopping, limits } = this.#serving;
    if (isStopping || this.#isSurplus || !keepsAlive) return true;
    if (this.#waiting.length === 0) {
      if (this.#isUnreadable || (this.#hasEnded && !this.#isReading)) return true;
    }
    const body = this.#body;
    // Who asked for 100 Continue and got the answer at once may take the next answer on this
    // connection wrongly: botocore keeps the status that it has read. So who announced an empty
    // body gets another connection.
    if (body === undefined) return expectsContinue && bodyBytes === 0;
    // Who was too slow is not waited for again; who waits for 100 Continue may send the body or
    // not.
    if (body.hasFailed || (expectsContinue && !body.isPulled)) return true;
    return body.rest > limits.discardBytesMax;
  }

  async #stream(head: AnswerHead, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { writer, limits } = this.#serving;
    const [socket, pace] = [this.#socket, this.#sending];
    try {
      await sendStream({ socket, writer, pieceBytes: limits.pieceBytes, pace }, head, body);
    } catch (error) {
      return this.#broken(error);
    }
    this.#over();
  }

  /**
   * The head may be on its way: all that can be said is that the answer ends early. `body` lets go
   * of what it holds.
   */
  #broken(error: unknown, body?: HttpResponse["body"]): void {
    this.#socket.destroy();
    if (!isStoreError(error, "cancelled")) {
      const message = messageOf(error);
      const target = this.#request?.head.target;
      this.#serving.log("warn", "response_broken", { target, message });
    }
    if (body === undefined || body instanceof Uint8Array) this.#over();
    else void this.#stream(noHead, body);
  }

  /** The answer is out, or nobody is there to take it, and the handler has ended. */
  #over(): void {
    this.#request = undefined;
    if (this.#isCounted) this.#serving.underWay--;
    if (this.#socket.destroyed) return;
    if (this.#isLast) return this.#linger();
    this.#body?.discard();
    if (this.#isReading) return; // and goes on
    const held = this.#held ?? noBuffer;
    this.#held = undefined;
    if (this.#socket.isPaused()) this.resume();
    this.#read(held);
  }

  /**
   * The input is no request, or no body; `first` is its first byte. The request being served is
   * still answered.
   */
  #cannotRead(problem: HttpRefusal, first?: number): void {
    this.#isUnreadable = true;
    this.#held = undefined;
    const message = "The body's transfer encoding is not well-formed.";
    this.#body?.fail(new BodyFault("framing", message));
    this.#body = undefined;
    if (this.#request !== undefined) return;
    const { secure, wrongProtocol } = this.#serving;
    // Who was served before speaks the right protocol, whatever follows.
    const isTls = !secure && !this.#wasAsked && wrongProtocol.isTls(first);
    this.#end(isTls ? wrongProtocol.alert() : rawAnswer(problem));
  }

  /**
   * Says the last there is to say, and gives the peer a moment to read it while what it sends is
   * thrown away.
   */
  #end(last?: string | Uint8Array): void {
    if (this.#closesInMs !== undefined) return; // it is under way
    if (last === undefined) this.#socket.end();
    else this.#socket.end(last);
    this.#lingerBytes = this.#serving.limits.lingerBytes;
    this.#closesInMs = this.#serving.limits.lingerMs;
    this.resume();
  }

  #headIsLate(): void {
    if (this.#held === undefined) this.#closeSoon();
    else this.#cannotRead("timeout");
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (this.#closesInMs === undefined) this.#inputEnded();
    else this.#closeSoon();
  };

  /** Called when nothing more comes behind what was read. */
  #inputEnded(): void {
    if (this.#waiting.length > 0) return;
    if (this.#body !== undefined) this.#body.fail(cutOff());
    else if (this.#held !== undefined) this.#cannotRead("malformed");
    if (this.#request === undefined && this.#closesInMs === undefined) this.#closeSoon();
  }

  readonly #onWritten = (): void => {
    if (!this.#isWriting) return;
    this.#isWriting = false;
    this.#sending.moved(1);
    this.#sending.rest();
    this.#over();
  };

  readonly #onClose = (): void => {
    this.#request?.left();
    this.#body?.fail(peerLeft());
    this.#waiting.length = 0;
    this.#held = undefined;
    this.#onWritten();
  };

  /**
   * The last answer is out. Closing a socket with bytes still arriving resets it, and the peer may
   * lose the answer it has not read yet: so the connection stays open a little while what arrives
   * is thrown away.
   */
  #linger(): void {
    const { limits } = this.#serving;
    const rest = this.#isUnreadable ? Number.POSITIVE_INFINITY : (this.#body?.rest ?? 0);
    this.#body = undefined;
    this.#held = undefined;
    this.#waiting.length = 0;
    if (rest === 0 || this.#hasEnded) return this.#closeSoon();
    this.#lingerBytes = Math.min(rest, limits.lingerBytes);
    this.#closesInMs = limits.lingerMs;
    this.resume();
  }

  #lingeredOut(): void {
    if (this.#socket.writableEnded) this.#socket.destroy();
    else this.#closeSoon();
  }

  /** Closes once the peer, or the kernel for it, has the rest of the answer. */
  #closeSoon(): void {
    this.#lingerBytes = Number.POSITIVE_INFINITY;
    this.#closesInMs = this.#serving.limits.pieceMs;
    this.#socket.destroySoon();
  }
}

/** The head of a body that is sent to nobody. */
const noHead: AnswerHead = { text: "", framing: "close", bodyBytes: 0, isBodiless: false };

const noBuffer = Buffer.alloc(0);

const cutOff = (): BodyFault =>
  new BodyFault("incomplete", "The connection was closed before the end of the body.");

async function* onlyPiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

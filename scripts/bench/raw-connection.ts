import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly bytes: number;
}

const headEnd = Buffer.from("\r\n\r\n");

/**
 * One keep-alive HTTP/1.1 connection that sends prepared bytes and reads answers with a content-length: far cheaper than
 * a general client, so that the server and not the load is what is measured.
 */
export class RawConnection {
  readonly #socket: Socket;
  #buffered: Buffer[] = [];
  #length = 0;
  /** Where the answer being read ends, once its head has been read. */
  #end: number | undefined;
  #status = 0;
  #done: ((answer: RawAnswer) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on("error", (error) => this.#failed?.(error));
    socket.on("close", () => this.#failed?.(new Error("connection closed")));
  }

  static open(host: string, port: number): Promise<RawConnection> {
    return new Promise((done, fail) => {
      const socket = connect({ host, port, noDelay: true }, () => {
        done(new RawConnection(socket));
      });
      socket.once("error", fail);
    });
  }

  send(request: Uint8Array): Promise<RawAnswer> {
    return new Promise((done, fail) => {
      this.#done = done;
      this.#failed = fail;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#buffered.push(chunk);
    this.#length += chunk.length;
    if (this.#end === undefined) {
      const joined = this.#buffered.length === 1 ? chunk : Buffer.concat(this.#buffered);
      this.#buffered = [joined];
      const at = joined.indexOf(headEnd);
      if (at < 0) return;
      const head = joined.toString("latin1", 0, at);
      this.#status = Number(head.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      this.#end = at + headEnd.length + Number(length ?? 0);
    }
    if (this.#length < this.#end) return;
    const answer = { status: this.#status, bytes: this.#length };
    this.#buffered = [];
    this.#length = 0;
    this.#end = undefined;
    this.#done?.(answer);
  }
}

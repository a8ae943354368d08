/**
 * Reads HTTP/1.1 answers from a connection, piece by piece: with a length, chunked, or up to the
 * connection's end.
 */

const headEnd = Buffer.from("\r\n\r\n");
const headBytesMax = 64 * 1024;
const nothing = Buffer.alloc(0);

/** The element that is read next. */
type State =
  | { readonly kind: "head" }
  | { readonly kind: "sized"; left: number }
  | { readonly kind: "chunk-line" }
  | { readonly kind: "chunk"; left: number }
  | { readonly kind: "trailer" }
  | { readonly kind: "to-end" }
  | { readonly kind: "done" };

export class AnswerParser {
  readonly #withoutBody: boolean;
  readonly #sink: (piece: Buffer) => void;
  #state: State = { kind: "head" };
  /** The beginning of a line or head whose end has not come yet. */
  #rest: Buffer | undefined;
  status = 0;
  /** The head as it came, without the status line's version. */
  head = "";
  bodyBytes = 0;

  constructor(options: { readonly withoutBody: boolean; readonly sink: (piece: Buffer) => void }) {
    this.#withoutBody = options.withoutBody;
    this.#sink = options.sink;
  }

  get done(): boolean {
    return this.#state.kind === "done";
  }

  /** The server will take no other request on this connection. */
  get closes(): boolean {
    return this.#state.kind === "to-end" || /\r\nconnection: *close/i.test(this.head);
  }

  header(name: string): string | undefined {
    return new RegExp(`\\r\\n${name}: *([^\\r]*)`, "i").exec(this.head)?.[1];
  }

  /**
   * Returns what follows the answer, nothing of which was looked at. Throws where it is not HTTP.
   */
  push(piece: Buffer): Buffer {
    let data = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
    this.#rest = undefined;
    while (data.length > 0 && !this.done) {
      const used = this.#step(data);
      if (used === 0) {
        if (data.length > headBytesMax) throw new Error("the answer's head has no end");
        this.#rest = data;
        return nothing;
      }
      data = data.subarray(used);
    }
    return data;
  }

  /** The connection has ended: whether that was the answer's end too. */
  end(): boolean {
    if (this.#state.kind === "to-end") this.#state = { kind: "done" };
    return this.done;
  }

  /** How much of it was used; 0: more must come first. */
  #step(data: Buffer): number {
    const state = this.#state;
    switch (state.kind) {
      case "head":
        return this.#readHead(data);
      case "sized":
      case "chunk":
        return this.#readBody(data, state);
      case "to-end":
        return this.#deliver(data);
      case "chunk-line":
      case "trailer":
        return this.#readLine(data, state.kind);
      case "done":
        return 0;
    }
  }

  #readHead(data: Buffer): number {
    const at = data.indexOf(headEnd);
    if (at < 0) return 0;
    this.head = data.toString("latin1", 0, at);
    if (!this.head.startsWith("HTTP/1.")) throw new Error("the answer is not HTTP/1.1");
    this.status = Number(this.head.slice(9, 12));
    // 100 Continue is followed by another head.
    if (this.status >= 200) this.#state = this.#bodyState();
    return at + headEnd.length;
  }

  #bodyState(): State {
    if (this.#withoutBody || this.status === 204 || this.status === 304) return { kind: "done" };
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.head)?.[1];
    if (length !== undefined) {
      return Number(length) === 0 ? { kind: "done" } : { kind: "sized", left: Number(length) };
    }
    const chunked = /\r\ntransfer-encoding:[^\r]*chunked/i.test(this.head);
    return { kind: chunked ? "chunk-line" : "to-end" };
  }

  #readBody(data: Buffer, state: Extract<State, { left: number }>): number {
    const used = this.#deliver(data.subarray(0, state.left));
    state.left -= used;
    if (state.left > 0) return used;
    this.#state = { kind: state.kind === "sized" ? "done" : "chunk-line" };
    return used;
  }

  #deliver(piece: Buffer): number {
    this.bodyBytes += piece.length;
    this.#sink(piece);
    return piece.length;
  }

  #readLine(data: Buffer, kind: "chunk-line" | "trailer"): number {
    const at = data.indexOf("\r\n");
    if (at < 0) return 0;
    const line = data.toString("latin1", 0, at);
    if (kind === "trailer") {
      if (line === "") this.#state = { kind: "done" };
    } else if (line !== "") {
      // The empty line is the end of the chunk before.
      const left = Number.parseInt(line, 16);
      if (!(left >= 0)) throw new Error(`"${line.slice(0, 20)}" is no length of a chunk`);
      this.#state = left === 0 ? { kind: "trailer" } : { kind: "chunk", left };
    }
    return at + 2;
  }
}

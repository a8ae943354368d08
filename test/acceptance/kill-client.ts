import assert from "node:assert/strict";
import type { S3Connection } from "../../src/node/testing/s3-connection.ts";
import { contentOf } from "./named-content.ts";

/**
 * What a key may hold: the content's name, or nothing. Several while a write's outcome is unknown.
 */
type Possible = Set<string | undefined>;

export interface KillCounts {
  acknowledged: number;
  unknown: number;
  verified: number;
}

/** How it calls the server; what throws is of unknown outcome. */
type Connection = Pick<S3Connection, "send">;

const multipartBytes = 5 * 1024 * 1024;

/**
 * One client with keys of its own, so that it knows what each may hold: after an answer, one thing;
 * after an error or a broken connection, what it held before or what was being written.
 */
export class KillClient {
  readonly counts: KillCounts = { acknowledged: 0, unknown: 0, verified: 0 };
  readonly #keys = new Map<string, Possible>();
  /** When the oldest write began that a key may hold. */
  readonly #begunMs = new Map<string, number>();
  readonly #name: string;
  readonly #bucket: string;
  #sequence = 0;

  constructor(bucket: string, name: string) {
    this.#bucket = bucket;
    this.#name = name;
  }

  /** Works until asked to stop; every failure is a possible outcome, every answer is remembered. */
  async work(connection: Connection, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const number = this.#sequence++;
      const key = `${this.#name}/${(number * 7) % 40}`;
      const turn = number % 10;
      if (turn === 9) await this.#write(key, undefined, () => this.#delete(connection, key));
      else if (turn === 8 && number % 40 === 8) await this.#multipart(connection, key, number);
      else if (turn >= 6) await this.#verify(connection, key);
      else await this.#put(connection, key, number);
    }
  }

  async #put(connection: Connection, key: string, number: number): Promise<void> {
    const size = number % 13 === 0 ? 300_000 : number % 11 === 0 ? 0 : (number * 997) % 20_000;
    const name = `${size}-${this.#name}-${number}`;
    await this.#write(key, name, async () => {
      const body = contentOf(name);
      const { status } = await connection.send("PUT", `/${this.#bucket}/${key}`, { body });
      return status === 200;
    });
  }

  async #delete(connection: Connection, key: string): Promise<boolean> {
    const { status } = await connection.send("DELETE", `/${this.#bucket}/${key}`);
    return status === 204;
  }

  async #multipart(connection: Connection, key: string, number: number): Promise<void> {
    const name = `${2 * multipartBytes + number}-${this.#name}-${number}`;
    await this.#write(key, name, async () => {
      const path = `/${this.#bucket}/${key}`;
      const initiated = await connection.send("POST", `${path}?uploads=`);
      const upload = /<UploadId>([^<]+)</.exec(initiated.body.toString())?.[1];
      if (initiated.status !== 200 || upload === undefined) return false;
      const content = contentOf(name);
      let list = "";
      for (let part = 1; part <= 3; part++) {
        const body = content.subarray((part - 1) * multipartBytes, part * multipartBytes);
        const query = `partNumber=${part}&uploadId=${upload}`;
        const answer = await connection.send("PUT", `${path}?${query}`, { body });
        if (answer.status !== 200) return false;
        list += `<Part><PartNumber>${part}</PartNumber><ETag>${answer.headers["etag"] as string}</ETag></Part>`;
      }
      const xml = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
      const complete = { body: Buffer.from(xml) };
      const done = await connection.send("POST", `${path}?uploadId=${upload}`, complete);
      return done.status === 200 && !done.body.includes("<Error>");
    });
  }

  async #write(key: string, next: string | undefined, act: () => Promise<boolean>): Promise<void> {
    const before = this.#keys.get(key) ?? new Set([undefined]);
    const begunMs = performance.now();
    this.#keys.set(key, new Set([...before, next]));
    if (await act().catch(() => false)) {
      this.#keys.set(key, new Set([next]));
      this.#begunMs.set(key, begunMs);
      this.counts.acknowledged++;
    } else {
      this.counts.unknown++;
    }
  }

  async #verify(connection: Connection, key: string): Promise<void> {
    let answer: Awaited<ReturnType<S3Connection["send"]>>;
    try {
      answer = await connection.send("GET", `/${this.#bucket}/${key}`);
    } catch {
      return;
    }
    if (answer.status >= 500) return;
    this.#judge(key, answer.status, answer.body);
  }

  /** The answer must be one of what the key may hold; then it is that. */
  #judge(key: string, status: number, body: Buffer): void {
    const possible = this.#keys.get(key) ?? new Set([undefined]);
    const expected = [...possible].map((name) => name ?? "nothing").join(" or ");
    const held =
      status === 404
        ? [...possible].find((name) => name === undefined)
        : [...possible].find((name) => name !== undefined && contentOf(name).equals(body));
    const fits = status === 404 ? possible.has(undefined) : held !== undefined;
    assert.ok(fits, `${key}: ${status} with ${body.length} bytes, expected ${expected}`);
    this.#keys.set(key, new Set([held]));
    this.counts.verified++;
  }

  /**
   * Every key, with nothing running: what it may hold is what it holds. Of what `mayBeLost` the
   * bytes may not come, but it is there.
   */
  async verifyAll(
    connection: Connection,
    mayBeLost: (key: string, begunMs: number) => boolean,
  ): Promise<Verified> {
    const verified: Verified = { present: [], unread: [] };
    for (const key of this.#keys.keys()) {
      const begunMs = this.#begunMs.get(key) ?? 0;
      const answer = await connection
        .send("GET", `/${this.#bucket}/${key}`)
        .catch((error: unknown) => ({ status: 0, body: Buffer.from(String(error)) }));
      if ((answer.status === 0 || answer.status >= 500) && mayBeLost(key, begunMs)) {
        verified.unread.push(key);
        continue;
      }
      this.#judge(key, answer.status, answer.body);
      if (answer.status === 200) verified.present.push(key);
    }
    return verified;
  }
}

export interface Verified {
  readonly present: string[];
  /** There, but their bytes are gone. */
  readonly unread: string[];
}

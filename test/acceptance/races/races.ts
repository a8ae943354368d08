import assert from "node:assert/strict";
import { md5Of } from "../named-content.ts";
import { type Answer, errorCodeOf, S3Connection } from "../../../src/node/testing/s3-connection.ts";
import { rootIdentity } from "../holdfast-server.ts";

/*
 * Races of conditional writes: every request is at the server but for its last byte, then all are
 * let go at once. Just one succeeds, always; the others get 412 or 409.
 */

const bucketNames = ["never-versioned", "versioned", "suspended"] as const;
type BucketName = (typeof bucketNames)[number];

const versioningOf = { "never-versioned": undefined, versioned: "Enabled", suspended: "Suspended" };

/** A racing request; a GET of the key shows what it left. */
interface Racer {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** The object's bytes if it wins; undefined: none is left. */
  readonly leaves: Buffer | undefined;
}

const ifAbsent = [["if-none-match", "*"]] as const;
/** The statuses that losers get. */
const lost: readonly number[] = [412, 409];
const sizeBytes = 2000;
const source = Buffer.alloc(sizeBytes, "what is copied ");
const sourceKey = "source";

export class Races {
  readonly #endpoint: string;
  readonly #connection: S3Connection;
  /** Counts by status. */
  readonly #losers = new Map<number, number>();
  #races = 0;
  #requests = 0;
  #keys = 0;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
    this.#connection = new S3Connection(endpoint, rootIdentity);
  }

  async prepare(): Promise<void> {
    for (const bucket of bucketNames) {
      await this.#ok("PUT", `/${bucket}`);
      const status = versioningOf[bucket];
      const xml = `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>`;
      if (status !== undefined) await this.#ok("PUT", `/${bucket}?versioning`, Buffer.from(xml));
      await this.#ok("PUT", `/${bucket}/${sourceKey}`, source);
    }
  }

  close(): void {
    this.#connection.close();
  }

  /** Each kind of race once in each bucket; the costlier ones with fewer. */
  async round(writers: number): Promise<void> {
    for (const bucket of bucketNames) {
      await this.#creators(bucket, writers);
      await this.#afterDeletion(bucket, writers);
      await this.#completions(bucket, writers >> 3);
      await this.#replacements(bucket, writers >> 1);
      await this.#counter(bucket, writers >> 3, 3);
    }
  }

  summary(): string {
    const losers = [...this.#losers].map(([status, count]) => `${count} ${status}`).join(", ");
    return `${this.#races} races with ${this.#requests} requests, one winner at a time; others: ${losers}`;
  }

  /** PUTs of a key that was never there. */
  async #creators(bucket: BucketName, writers: number): Promise<void> {
    const path = this.#newPath(bucket);
    await this.#race(
      path,
      many(writers, (i) => put(path, `writer ${i}`, ifAbsent)),
    );
    assert.equal(await this.#versionsOf(path), 1);
  }

  /** PUTs, copies and completions of a key that was deleted: a delete marker counts as absent. */
  async #afterDeletion(bucket: BucketName, writers: number): Promise<void> {
    const path = this.#newPath(bucket);
    await this.#ok("PUT", path, Buffer.from("before"));
    await this.#ok("DELETE", path);
    const before = await this.#versionsOf(path);
    const some = writers >> 2;
    await this.#race(path, [
      ...many(writers - 2 * some, (i) => put(path, `writer ${i}`, ifAbsent)),
      ...many(some, () => copy(path)),
      ...(await this.#prepareCompletions(path, some)),
    ]);
    // In the suspended bucket the marker was the null version, which the winner replaces.
    const added = bucket === "suspended" ? 0 : 1;
    assert.equal(await this.#versionsOf(path), before + added);
  }

  /** Completions of as many uploads; of those that lose nothing is seen. */
  async #completions(bucket: BucketName, writers: number): Promise<void> {
    const path = this.#newPath(bucket);
    await this.#race(path, await this.#prepareCompletions(path, writers));
    assert.equal(await this.#versionsOf(path), 1);
  }

  /** PUTs and DELETEs of just the object that is there. */
  async #replacements(bucket: BucketName, writers: number): Promise<void> {
    const path = this.#newPath(bucket);
    const old = Buffer.from("old");
    await this.#ok("PUT", path, old);
    const isOld = [["if-match", md5Of(old)]] as const;
    const remove = { method: "DELETE", target: path, headers: isOld, body: Buffer.alloc(0) };
    const racers = [
      ...many(writers >> 1, (i) => put(path, `writer ${i}`, isOld)),
      ...many(writers - (writers >> 1), () => ({ ...remove, leaves: undefined })),
    ];
    // Where a DELETE won, those that ask for an object find none.
    await this.#race(path, racers, [...lost, 404]);
    if (bucket === "versioned") assert.equal(await this.#versionsOf(path), 2);
  }

  /** A counter that each increments by compare-and-set: no increment is lost. */
  async #counter(bucket: BucketName, clients: number, increments: number): Promise<void> {
    const path = this.#newPath(bucket);
    await this.#ok("PUT", path, Buffer.from("0"));
    const one = async (): Promise<void> => {
      const connection = new S3Connection(this.#endpoint, rootIdentity);
      for (let made = 0; made < increments;) {
        const { body } = succeeded(await connection.send("GET", path));
        const next = Buffer.from(String(Number(body.toString()) + 1));
        const headers = [["if-match", md5Of(body)]] as const;
        const { status } = await connection.send("PUT", path, { body: next, headers });
        this.#requests++;
        if (status === 200) made++;
        else this.#lost(path, status, lost);
      }
      connection.close();
    };
    await Promise.all(many(clients, one));
    this.#races++;
    const { body } = await this.#ok("GET", path);
    assert.equal(body.toString(), String(clients * increments), `${path}: increments`);
  }

  async #race(path: string, racers: readonly Racer[], allowed = lost): Promise<void> {
    const held = await Promise.all(
      racers.map(({ method, target, headers, body }) =>
        this.#connection.hold(method, target, { headers, body }),
      ),
    );
    const answers = await Promise.all(held.map((request) => request.finish()));
    this.#races++;
    this.#requests += answers.length;
    const winners = racers.filter((_, i) => isSuccess(answers[i]!));
    const statusTexts = answers.map((answer) =>
      `${answer.status} ${errorCodeOf(answer) ?? ""}`.trim(),
    );
    assert.equal(winners.length, 1, `${path}: ${winners.length} winners: ${statusTexts.join()}`);
    for (const answer of answers.filter((one) => !isSuccess(one))) {
      this.#lost(path, statuses.get(errorCodeOf(answer) ?? "") ?? answer.status, allowed);
    }
    const { status, body } = await this.#connection.send("GET", path);
    const left = winners[0]?.leaves;
    assert.equal(status, left === undefined ? 404 : 200, `${path}: after the race`);
    assert.ok(left === undefined || left.equals(body), `${path}: not what the winner wrote`);
  }

  #lost(path: string, status: number, allowed: readonly number[]): void {
    assert.ok(allowed.includes(status), `${path}: a loser got ${status}`);
    this.#losers.set(status, (this.#losers.get(status) ?? 0) + 1);
  }

  /** Completions of uploads of one part each. */
  async #prepareCompletions(path: string, count: number): Promise<Racer[]> {
    const racers: Racer[] = [];
    for (let i = 0; i < count; i++) {
      const { body } = await this.#ok("POST", `${path}?uploads=`);
      const upload = /<UploadId>([^<]+)</.exec(body.toString())?.[1] ?? "";
      const leaves = contentOf(`upload ${i}`);
      await this.#ok("PUT", `${path}?partNumber=1&uploadId=${upload}`, leaves);
      const list = `<Part><PartNumber>1</PartNumber><ETag>${md5Of(leaves)}</ETag></Part>`;
      const xml = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
      const target = `${path}?uploadId=${upload}`;
      racers.push({ method: "POST", target, headers: ifAbsent, body: Buffer.from(xml), leaves });
    }
    return racers;
  }

  #newPath(bucket: BucketName): string {
    return `/${bucket}/key-${this.#keys++}`;
  }

  async #versionsOf(path: string): Promise<number> {
    const [, bucket = "", key = ""] = path.split("/");
    const { body } = await this.#ok("GET", `/${bucket}?versions&prefix=${key}`);
    const keys = [...body.toString().matchAll(/<Key>([^<]+)</g)].filter(([, one]) => one === key);
    return keys.length;
  }

  async #ok(method: string, target: string, body?: Buffer): Promise<Answer> {
    return succeeded(await this.#connection.send(method, target, { body }));
  }
}

/** The status that an error behind a status of 200 stands for. */
const statuses = new Map([
  ["PreconditionFailed", 412],
  ["ConditionalRequestConflict", 409],
]);

function isSuccess(answer: Answer): boolean {
  const { status } = answer;
  return status >= 200 && status < 300 && errorCodeOf(answer) === undefined;
}

function succeeded(answer: Answer): Answer {
  assert.ok(answer.status < 300, `${answer.status}: ${answer.body.toString()}`);
  return answer;
}

function many<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function contentOf(name: string): Buffer {
  return Buffer.alloc(sizeBytes, `${name} `);
}

function put(target: string, name: string, headers: Racer["headers"]): Racer {
  const body = contentOf(name);
  return { method: "PUT", target, headers, body, leaves: body };
}

function copy(target: string): Racer {
  const [, bucket = ""] = target.split("/");
  const from = ["x-amz-copy-source", `/${bucket}/${sourceKey}`] as const;
  const headers = [...ifAbsent, from];
  return { method: "PUT", target, headers, body: Buffer.alloc(0), leaves: source };
}

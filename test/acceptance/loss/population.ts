import assert from "node:assert/strict";
import { contentOf } from "../named-content.ts";
import { S3Connection } from "../../../src/node/testing/s3-connection.ts";
import { rootIdentity } from "../holdfast-server.ts";
import type { PatientConnection } from "./patient-connection.ts";

/*
 * Objects that are written once and read again and again while disks are lost: small and large
 * ones, multipart uploads, older versions and deleted keys. What each is follows from its name, so
 * every answer is compared whole.
 */

export const plainBucket = "kept";
export const versionedBucket = "versions";

const kib = 1024;
const mib = 1024 * kib;
/** Sizes in turn: mostly small ones, most of the bytes in large ones. */
const sizes = [
  4 * kib,
  4 * kib,
  12_345,
  4 * kib,
  64 * kib,
  65_537,
  4 * kib,
  300_000,
  mib,
  4 * kib,
  3 * mib + 1,
  0,
  5 * mib,
];
const partBytes = 5 * mib;
/** One upload in parts for so many other objects. */
const perMultipart = 26;
const perVersioned = 5;
const versionsOfKey = 3;
/** One read of so many takes a range of the object. */
const perRange = 3;

interface Kept {
  /** Path and query. */
  readonly target: string;
  /** The content's name; undefined: there is nothing. */
  readonly name: string | undefined;
}

export class Population {
  readonly #kept: Kept[] = [];
  #bytes = 0;
  #reads = 0;

  get objects(): number {
    return this.#kept.filter(({ name }) => name !== undefined).length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Reads that were compared. */
  get reads(): number {
    return this.#reads;
  }

  async createBuckets(connection: PatientConnection): Promise<void> {
    for (const bucket of [plainBucket, versionedBucket]) {
      assert.equal((await connection.send("PUT", `/${bucket}`)).status, 200);
    }
    const body =
      '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>';
    const answer = await connection.send("PUT", `/${versionedBucket}?versioning=`, { body });
    assert.equal(answer.status, 200);
  }

  /** Writes more objects until there are so many bytes more. */
  async write(connections: readonly PatientConnection[], bytes: number): Promise<void> {
    const first = this.#kept.length;
    const end = this.#bytes + bytes;
    let number = first;
    const work = async (connection: PatientConnection): Promise<void> => {
      while (this.#bytes < end) await this.#writeOne(connection, number++);
    };
    await Promise.all(connections.map(work));
  }

  /** Reads objects in an order of chance until the signal aborts. */
  async read(connection: PatientConnection, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const kept = this.#kept[Math.floor(Math.random() * this.#kept.length)];
      if (kept !== undefined) await this.#compare(connection, kept);
    }
  }

  /** Reads each object once. */
  async readAll(connections: readonly PatientConnection[]): Promise<void> {
    const left = [...this.#kept];
    const work = async (connection: PatientConnection): Promise<void> => {
      for (let kept = left.pop(); kept !== undefined; kept = left.pop()) {
        await this.#compare(connection, kept);
      }
    };
    await Promise.all(connections.map(work));
  }

  /**
   * Tries to read each object once, while some cannot be read; path and query of these. What is
   * answered is right, or fails as a whole.
   */
  async readWhatCanBe(endpoint: string): Promise<string[]> {
    const connection = new S3Connection(endpoint, rootIdentity);
    const failed: string[] = [];
    for (const { target, name } of this.#kept) {
      if (name === undefined) continue;
      const answer = await connection.send("GET", target).catch(() => undefined);
      // An answer that cannot be completed is cut off.
      if (answer === undefined || answer.status >= 500) failed.push(target);
      else assert.ok(answer.status === 200 && answer.body.equals(contentOf(name)), target);
    }
    connection.close();
    return failed;
  }

  async #writeOne(connection: PatientConnection, number: number): Promise<void> {
    if (number % perMultipart === perMultipart - 1) return this.#upload(connection, number);
    const size = sizes[number % sizes.length] ?? 0;
    if (number % perVersioned !== 0) {
      const name = `${size}-kept-${number}`;
      const target = `/${plainBucket}/${folderOf(number)}`;
      this.#bytes += size;
      await put(connection, target, name);
      this.#kept.push({ target, name });
      return;
    }
    const path = `/${versionedBucket}/${folderOf(number)}`;
    for (let version = 0; version < versionsOfKey; version++) {
      const name = `${size}-kept-${number}-${version}`;
      this.#bytes += size;
      const versionId = await put(connection, path, name);
      this.#kept.push({ target: `${path}?versionId=${versionId}`, name });
    }
    if (number % 2 === 0) return;
    const { status } = await connection.send("DELETE", path);
    assert.equal(status, 204);
    this.#kept.push({ target: path, name: undefined });
  }

  async #upload(connection: PatientConnection, number: number): Promise<void> {
    const name = `${2 * partBytes + number * kib}-kept-${number}`;
    const content = contentOf(name);
    this.#bytes += content.length;
    const path = `/${plainBucket}/${folderOf(number)}`;
    const initiated = await connection.send("POST", `${path}?uploads=`);
    const upload = /<UploadId>([^<]+)</.exec(initiated.body.toString())?.[1];
    assert.ok(upload !== undefined, `${initiated.status}`);
    let list = "";
    for (let part = 1; part <= 3; part++) {
      const body = content.subarray((part - 1) * partBytes, part * partBytes);
      const query = `partNumber=${part}&uploadId=${upload}`;
      const { status, headers } = await connection.send("PUT", `${path}?${query}`, { body });
      assert.equal(status, 200);
      list += `<Part><PartNumber>${part}</PartNumber><ETag>${headers["etag"] as string}</ETag></Part>`;
    }
    const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
    const done = await connection.send("POST", `${path}?uploadId=${upload}`, { body });
    assert.ok(done.status === 200 && !done.body.includes("<Error>"), done.body.toString());
    this.#kept.push({ target: path, name });
  }

  async #compare(connection: PatientConnection, { target, name }: Kept): Promise<void> {
    const expected = name === undefined ? undefined : contentOf(name);
    const range =
      expected !== undefined && expected.length > 0 && Math.random() * perRange < 1
        ? rangeOf(expected.length)
        : undefined;
    const headers = range && ([["range", `bytes=${range.first}-${range.last}`]] as const);
    const { status, body } = await connection.send("GET", target, { headers });
    this.#reads++;
    if (expected === undefined) {
      assert.equal(status, 404, target);
      return;
    }
    assert.equal(
      status,
      range === undefined ? 200 : 206,
      `${target}: ${body.subarray(0, 500).toString()}`,
    );
    const want = range === undefined ? expected : expected.subarray(range.first, range.last + 1);
    assert.ok(body.equals(want), `${target} (${range?.first}-${range?.last}): wrong bytes`);
  }
}

function folderOf(number: number): string {
  return `${number % 7}/${number}`;
}

function rangeOf(size: number): { readonly first: number; readonly last: number } {
  const first = Math.floor(Math.random() * size);
  return { first, last: first + Math.floor(Math.random() * (size - first)) };
}

/** Answers the version's id. */
async function put(connection: PatientConnection, target: string, name: string): Promise<string> {
  const { status, headers, body } = await connection.send("PUT", target, { body: contentOf(name) });
  assert.equal(status, 200, `${target}: ${body.toString()}`);
  const version = headers["x-amz-version-id"];
  return typeof version === "string" ? version : "";
}

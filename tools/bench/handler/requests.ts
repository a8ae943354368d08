import { createHash } from "node:crypto";
import type { HeaderList } from "../../../src/platform/http.ts";
import { encodeQuery, Signer, unsignedPayload } from "../load/signer.ts";
import { rootKey, region } from "../../../test/acceptance/holdfast-server.ts";
import type { LocalFrontEnd, LocalRequest } from "./local-front-end.ts";

/** The kinds of requests that are measured without a socket. */
export const requestKinds = [
  "get 4 KiB",
  "head 4 KiB",
  "put 4 KiB",
  "delete 4 KiB",
  "part 4 KiB",
  "delete 1,000 keys",
  "list 1,000 keys",
  "list 1,000 versions",
  "list 1,000 folders",
  "put 64 KiB",
  "put 256 KiB",
  "get 256 KiB",
] as const;
export type RequestKind = (typeof requestKinds)[number];

const bucket = "/bench";
const listBucket = "/bench-list";
/** Objects that are read and overwritten: they fit in every cache. */
const objects = 100;
const largerObjects = 16;
const versionsBucket = "/bench-versions";
/** Listed by "/", beside the keys that are listed one by one. */
const foldersBucket = "/bench-folders";
/**
 * A page of 1,000 begins in the first thousand keys, versions (three of each key) or folders (of
 * two keys each).
 */
const listedKeys = 2000;
const versionedKeys = 700;
const versionsOfKey = 3;
const folders = 2000;
/** Parts of one upload commit one after the other, so many at once belong to many uploads. */
const uploads = 256;
const keysAtATime = 1000;

const sizes = { small: 4096, middle: 64 * 1024, larger: 256 * 1024 } as const;

/** Requests of one kind, signed now, and what must be there before. */
export class Requests {
  readonly #frontEnd: LocalFrontEnd;
  readonly #signer = new Signer({ ...rootKey, region, sessionToken: undefined });
  readonly #uploadIds: string[] = [];

  private constructor(frontEnd: LocalFrontEnd) {
    this.#frontEnd = frontEnd;
  }

  /** Makes the buckets and what requests of these kinds find there. */
  static async prepare(frontEnd: LocalFrontEnd, kinds: readonly RequestKind[]): Promise<Requests> {
    const requests = new Requests(frontEnd);
    for (const name of [bucket, listBucket, versionsBucket, foldersBucket]) {
      await requests.#expect(requests.#sign("PUT", name));
    }
    await requests.#putAll(objects, (i) => `${bucket}/small-${i}`, sizes.small);
    if (kinds.includes("get 256 KiB")) {
      await requests.#putAll(largerObjects, (i) => `${bucket}/larger-${i}`, sizes.larger);
    }
    if (kinds.includes("list 1,000 keys")) {
      await requests.#putAll(listedKeys, (i) => `${listBucket}/${listedKey(i)}`, 1);
    }
    if (kinds.includes("list 1,000 versions")) await requests.#putVersions();
    if (kinds.includes("list 1,000 folders")) {
      const keyOf = (i: number) => `${foldersBucket}/${listedFolder(i >> 1)}key-${i % 2}`;
      await requests.#putAll(2 * folders, keyOf, 1);
    }
    if (kinds.includes("part 4 KiB")) {
      for (let i = 0; i < uploads; i++) await requests.#beginUpload(i);
    }
    return requests;
  }

  async #putVersions(): Promise<void> {
    const body = Buffer.from(
      "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    );
    await this.#expect(this.#sign("PUT", versionsBucket, "versioning=", body));
    for (let version = 0; version < versionsOfKey; version++) {
      await this.#putAll(versionedKeys, (i) => `${versionsBucket}/${listedKey(i)}`, 1);
    }
  }

  async #beginUpload(i: number): Promise<void> {
    const begun = await this.#expect(this.#sign("POST", uploadPath(i), "uploads="));
    const uploadId = /<UploadId>([^<]+)</.exec(Buffer.from(begun).toString())?.[1];
    if (uploadId === undefined) throw new Error("CreateMultipartUpload answered without an id");
    this.#uploadIds.push(uploadId);
  }

  /** Stores what they need and signs them: neither belongs to what is measured. */
  async make(kind: RequestKind, count: number): Promise<readonly LocalRequest[]> {
    if (kind === "delete 4 KiB") {
      await this.#putAll(count, (i) => `${bucket}/dead-${i}`, sizes.small);
    } else if (kind === "delete 1,000 keys") {
      await this.#putAll(count * keysAtATime, (i) => `${bucket}/dead-${i}`, 1);
    }
    return Array.from({ length: count }, (_, i) => this.#make(kind, i));
  }

  #make(kind: RequestKind, i: number): LocalRequest {
    const small = `${bucket}/small-${i % objects}`;
    const larger = `${bucket}/larger-${i % largerObjects}`;
    switch (kind) {
      case "get 4 KiB":
        return this.#sign("GET", small);
      case "head 4 KiB":
        return this.#sign("HEAD", small);
      case "put 4 KiB":
        return this.#put(small, sizes.small);
      case "delete 4 KiB":
        return this.#sign("DELETE", `${bucket}/dead-${i}`);
      case "part 4 KiB":
        return this.#putPart(i % uploads);
      case "delete 1,000 keys":
        return this.#deleteKeys(i * keysAtATime);
      case "list 1,000 keys": {
        const after = listedKey((i * 37) % keysAtATime);
        const query = { "list-type": "2", "max-keys": "1000", "start-after": after };
        return this.#sign("GET", listBucket, encodeQuery(query));
      }
      case "list 1,000 versions": {
        const after = listedKey((i * 37) % (versionedKeys / 2));
        const query = { "key-marker": after, "max-keys": "1000", versions: "" };
        return this.#sign("GET", versionsBucket, encodeQuery(query));
      }
      case "list 1,000 folders": {
        const after = listedFolder((i * 37) % keysAtATime);
        const query = {
          delimiter: "/",
          "list-type": "2",
          "max-keys": "1000",
          "start-after": after,
        };
        return this.#sign("GET", foldersBucket, encodeQuery(query));
      }
      case "put 64 KiB":
        return this.#put(`${bucket}/middle-${i % largerObjects}`, sizes.middle);
      case "put 256 KiB":
        return this.#put(`${bucket}/large-${i % largerObjects}`, sizes.larger);
      case "get 256 KiB":
        return this.#sign("GET", larger);
    }
  }

  #putPart(i: number): LocalRequest {
    return this.#put(uploadPath(i), sizes.small, `partNumber=1&uploadId=${this.#uploadIds[i]}`);
  }

  #put(path: string, bytes: number, query = ""): LocalRequest {
    return this.#sign("PUT", path, query, Buffer.alloc(bytes, 7));
  }

  #deleteKeys(first: number): LocalRequest {
    const objectsOf = Array.from(
      { length: keysAtATime },
      (_, i) => `<Object><Key>dead-${first + i}</Key></Object>`,
    );
    const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objectsOf.join("")}</Delete>`);
    const md5 = createHash("md5").update(body).digest("base64");
    return this.#sign("POST", bucket, "delete=", body, [["content-md5", md5]]);
  }

  #sign(
    method: string,
    path: string,
    query = "",
    body?: Buffer<ArrayBuffer>,
    more: HeaderList = [],
  ): LocalRequest {
    const parts = { method, host: "127.0.0.1", path, query, contentSha256: unsignedPayload };
    const head = this.#signer.sign({ ...parts, headers: more });
    const headers = head
      .trimEnd()
      .split("\r\n")
      .slice(1)
      .map((line): [string, string] => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)];
      });
    if (body !== undefined) headers.push(["content-length", String(body.length)]);
    return { method, target: query === "" ? path : `${path}?${query}`, headers, body };
  }

  async #putAll(count: number, pathOf: (i: number) => string, bytes: number): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < count) await this.#expect(this.#put(pathOf(next++), bytes));
    };
    await Promise.all(Array.from({ length: 64 }, lane));
  }

  async #expect(request: LocalRequest): Promise<Uint8Array> {
    const { status, body } = await this.#frontEnd.send(request);
    if (status !== 200) throw new Error(refusal(request, status, body));
    return body ?? new Uint8Array();
  }
}

/** Says which request was not done, and what the answer was. */
export function refusal(
  { method, target }: LocalRequest,
  status: number,
  body: Uint8Array | undefined,
): string {
  return `${method} ${target}: ${status} ${Buffer.from(body ?? []).toString()}`;
}

function uploadPath(i: number): string {
  return `${bucket}/upload-${i}`;
}

function listedFolder(i: number): string {
  return `folder-${String(i).padStart(6, "0")}/`;
}

function listedKey(i: number): string {
  return `folder-${String(i >> 4).padStart(6, "0")}/key-${String(i).padStart(8, "0")}`;
}

import { percentEncode } from "../../src/auth/canonical-request.ts";
import { choicesOf } from "./effects.ts";
import { type BucketModel, md5Of } from "./model.ts";
import type { FuzzPeer } from "./fuzz-peer.ts";
import { ask, askAll } from "./store-client.ts";
import { elementsOf, elementText } from "./xml-text.ts";

/* The store against the model: every version, byte for byte, and every part of every upload. */

interface Listed {
  /** The key's bytes, one character each. */
  readonly key: string;
  readonly id: string;
  /** Undefined: a delete marker. */
  readonly etag: string | undefined;
  readonly bytes: number;
}

export class Verification {
  readonly #peer: FuzzPeer;
  readonly #host: string;
  readonly complaints: string[] = [];
  compared = 0;

  constructor(peer: FuzzPeer, host: string) {
    this.#peer = peer;
    this.#host = host;
  }

  async run(bucket: BucketModel): Promise<void> {
    const listed = await this.#listVersions(bucket);
    await this.#compareContents(bucket, listed);
    for (const key of new Set([...bucket.keys.keys(), ...listed.map((item) => item.key)])) {
      if (isLoose(bucket, key)) continue;
      const ids = listed.filter((item) => item.key === key).map(({ id }) => id);
      const expected = (bucket.keys.get(key) ?? []).map(({ id }) => id);
      if (ids.join() !== expected.join()) {
        this.#complain(
          bucket,
          key,
          `listed are versions ${ids.join()}, expected ${expected.join()}`,
        );
      }
    }
    await this.#compareListing(bucket, listed);
    await this.#compareUploads(bucket);
  }

  /**
   * Empties the bucket and deletes it; what came behind dropped connections may take a few turns.
   */
  async remove(bucket: string): Promise<void> {
    let answer = "";
    for (let turn = 0; turn < 20; turn++) {
      const head = await ask(this.#peer, this.#host, { method: "HEAD", path: `/${bucket}` });
      if (head.status === 404) return;
      const versions = await this.#listVersions({ name: bucket });
      const uploads = await this.#listUploads(bucket);
      await askAll(this.#peer, this.#host, [
        ...versions.map(({ key, id }) => ({
          method: "DELETE",
          path: pathOf(bucket, key, `versionId=${id}`),
        })),
        ...uploads.map(({ key, id }) => ({
          method: "DELETE",
          path: pathOf(bucket, key, `uploadId=${id}`),
        })),
      ]);
      const { status, body } = await ask(this.#peer, this.#host, {
        method: "DELETE",
        path: `/${bucket}`,
      });
      if (status === 204) return;
      answer = `${status} ${body.toString()}`;
      await new Promise((resolve) => setTimeout(resolve, 20 * turn));
    }
    this.complaints.push(`${bucket} cannot be deleted: ${answer}`);
  }

  async #pages(
    bucket: string,
    query: string,
    next: (page: string) => string | undefined,
  ): Promise<string[]> {
    const pages: string[] = [];
    for (let more: string | undefined = ""; more !== undefined;) {
      const path: string = `/${bucket}?${query}&encoding-type=url${more}`;
      const { status, body } = await ask(this.#peer, this.#host, { method: "GET", path });
      const page = body.toString();
      if (status !== 200) throw new Error(`${path}: ${status} ${page}`);
      pages.push(page);
      more = elementText(page, "IsTruncated") === "true" ? next(page) : undefined;
    }
    return pages;
  }

  async #listVersions({ name }: { readonly name: string }): Promise<Listed[]> {
    const pages = await this.#pages(name, "versions", (page) => {
      const key = elementText(page, "NextKeyMarker") ?? "";
      return `&key-marker=${key}&version-id-marker=${elementText(page, "NextVersionIdMarker") ?? ""}`;
    });
    return pages.flatMap((page) =>
      [...page.matchAll(/<(Version|DeleteMarker)>(.*?)<\/\1>/gs)].map(([, kind, inner = ""]) => ({
        key: decoded(elementText(inner, "Key")),
        id: elementText(inner, "VersionId") ?? "",
        etag: kind === "Version" ? elementText(inner, "ETag")?.replaceAll('"', "") : undefined,
        bytes: Number(elementText(inner, "Size") ?? 0),
      })),
    );
  }

  async #compareContents(bucket: BucketModel, listed: readonly Listed[]): Promise<void> {
    const objects = listed.filter(({ etag }) => etag !== undefined);
    const answers = await askAll(
      this.#peer,
      this.#host,
      objects.map(({ key, id }) => ({
        method: "GET",
        path: pathOf(bucket.name, key, `versionId=${id}`),
      })),
    );
    for (const [index, { key, id, etag, bytes }] of objects.entries()) {
      const { status, body } = answers[index]!;
      this.compared++;
      const isOther = status !== 200 || body.length !== bytes;
      // A request on a dropped connection may have taken effect between the listing and the read.
      if (isOther && isLoose(bucket, key)) continue;
      if (isOther) {
        this.#complain(bucket, key, `${id} is ${status} with ${body.length} of ${bytes} bytes`);
      } else if (etag?.includes("-") === false && md5Of(body) !== etag) {
        this.#complain(bucket, key, `${id} has not the bytes of its ETag ${etag}`);
      } else if (!this.#mayHold(bucket, { key, id, body })) {
        this.#complain(bucket, key, `${id} holds ${body.length} bytes that nobody stored there`);
      }
    }
  }

  #mayHold(bucket: BucketModel, found: { key: string; id: string; body: Buffer }): boolean {
    const { key, id, body } = found;
    if (!isLoose(bucket, key)) return bucket.version(key, id)?.content?.equals(body) === true;
    if (!bucket.loose.has(key)) return true;
    return bucket.loose.get(key)?.some((content) => content.equals(body)) ?? true;
  }

  async #compareListing(bucket: BucketModel, listed: readonly Listed[]): Promise<void> {
    const pages = await this.#pages(bucket.name, "list-type=2", (page) => {
      const token = elementText(page, "NextContinuationToken") ?? "";
      return `&continuation-token=${encodeURIComponent(token)}`;
    });
    const keys = pages.flatMap((page) =>
      elementsOf(page, "Contents").map((inner) => decoded(elementText(inner, "Key"))),
    );
    const current = new Map<string, Listed>();
    for (const item of listed) if (!current.has(item.key)) current.set(item.key, item);
    const expected = [...current.values()].filter(({ etag }) => etag !== undefined);
    const fixed = (key: string): boolean => !isLoose(bucket, key);
    if (
      keys.filter(fixed).join() !==
      expected
        .map(({ key }) => key)
        .filter(fixed)
        .join()
    ) {
      this.complaints.push(`${bucket.name}: the listing of objects is not that of versions`);
    }
  }

  async #listUploads(bucket: string): Promise<{ key: string; id: string }[]> {
    const pages = await this.#pages(bucket, "uploads", (page) => {
      const key = elementText(page, "NextKeyMarker") ?? "";
      return `&key-marker=${key}&upload-id-marker=${elementText(page, "NextUploadIdMarker") ?? ""}`;
    });
    return pages.flatMap((page) =>
      elementsOf(page, "Upload").map((inner) => ({
        key: decoded(elementText(inner, "Key")),
        id: elementText(inner, "UploadId") ?? "",
      })),
    );
  }

  async #compareUploads(bucket: BucketModel): Promise<void> {
    if (bucket.uploadsAreLoose) return;
    const listed = await this.#listUploads(bucket.name);
    const ids = listed
      .map(({ id }) => id)
      .toSorted()
      .join();
    if (ids !== [...bucket.uploads.keys()].toSorted().join()) {
      this.complaints.push(
        `${bucket.name}: uploads ${ids}, expected ${[...bucket.uploads.keys()].join()}`,
      );
    }
    const answers = await askAll(
      this.#peer,
      this.#host,
      listed.map(({ key, id }) => ({
        method: "GET",
        path: pathOf(bucket.name, key, `uploadId=${id}`),
      })),
    );
    for (const [index, { key, id }] of listed.entries()) {
      const parts = elementsOf(answers[index]!.body.toString(), "Part");
      const found = parts.map((part) => elementText(part, "ETag")?.replaceAll('"', "")).join();
      const all = choicesOf(bucket.uploads.get(id)?.parts ?? new Map()).at(-1) ?? [];
      if (found !== all.map(md5Of).join())
        this.#complain(bucket, key, `upload ${id} has parts ${found}`);
    }
  }

  #complain(bucket: BucketModel, key: string, what: string): void {
    this.complaints.push(`${bucket.name}/${JSON.stringify(key)}: ${what}`);
  }
}

const isLoose = ({ keysAreLoose, loose }: BucketModel, key: string): boolean =>
  keysAreLoose || loose.has(key);

function pathOf(bucket: string, key: string, query: string): string {
  return `/${bucket}/${percentEncode(key)}?${query}`;
}

const decoded = (escaped = ""): string =>
  Buffer.from(decodeURIComponent(escaped)).toString("latin1");

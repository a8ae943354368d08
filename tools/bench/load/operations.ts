import type { Content } from "./content.ts";
import { keyOf, sizeOf } from "./key-space.ts";
import type { Operation, Plan } from "./plan.ts";
import { elements, errorOf, type S3Client, type S3Text, TextReading } from "./s3-client.ts";
import { sha256Of } from "./signer.ts";
import { SignedRequests } from "./signed-requests.ts";
import type { Outcome } from "./load-tally.ts";

type Result = Omit<Outcome, "operation">;

/** Bodies up to this go out in one write with their head, and are kept with it. */
const smallBytesMax = 16 * 1024;

/** Each operation of the load on an object of its key space, over a connection that is free. */
export class Operations {
  readonly #plan: Plan;
  readonly #content: Content;
  readonly #signed = new SignedRequests();

  constructor(plan: Plan, content: Content) {
    this.#plan = plan;
    this.#content = content;
  }

  /** Never rejects: what fails is an outcome. */
  async perform(operation: Operation, client: S3Client, index: number): Promise<Outcome> {
    try {
      return { operation, ...(await this.#run(operation, client, index)) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException; // of the connection
      return { operation, bytes: 0, firstByteMs: 0, verified: false, error: code ?? message };
    }
  }

  #run(operation: Operation, client: S3Client, index: number): Promise<Result> {
    switch (operation) {
      case "put":
        return this.#put(client, index);
      case "get":
        return this.#get(client, index);
      case "head":
        return this.#head(client, index);
      case "delete":
        return this.#delete(client, index);
      case "list":
        return this.#list(client, index);
      case "multipart":
        return this.#multipart(client, index);
      case "ranged":
        return this.#ranged(client, index);
    }
  }

  async #put(client: S3Client, index: number): Promise<Result> {
    const { key, size } = this.#object(index);
    const isSmall = size <= smallBytesMax;
    const bytes = this.#signed.get("put", index, () => {
      const head = client.head({
        method: "PUT",
        key,
        bodyBytes: size,
        ...this.#signedPayload(key, size),
      });
      return isSmall ? Buffer.concat([head, ...this.#content.pieces(key, size)]) : head;
    });
    const reading = new TextReading();
    const answer = await client.send(bytes, {
      body: isSmall ? undefined : this.#content.pieces(key, size),
      sink: (piece) => reading.push(piece),
    });
    return plain({ ...answer, text: reading.text }, 200, size);
  }

  async #get(client: S3Client, index: number): Promise<Result> {
    const { key, size } = this.#object(index);
    const head = this.#signed.get("get", index, () => client.head({ method: "GET", key }));
    return this.#read(client, head, { key, size, status: 200, offset: 0, length: size });
  }

  async #ranged(client: S3Client, index: number): Promise<Result> {
    const { key, size } = this.#object(index);
    const length = Math.min(this.#plan.rangeBytes, size);
    const offset = Math.floor(Math.random() * (size - length + 1));
    const range = ["range", `bytes=${offset}-${offset + length - 1}`] as const;
    const head = client.head({ method: "GET", key, headers: [range] });
    return this.#read(client, head, { key, size, status: 206, offset, length });
  }

  async #read(
    client: S3Client,
    head: Buffer,
    expected: { key: string; size: number; status: number; offset: number; length: number },
  ): Promise<Result> {
    const { key, size, status, offset, length } = expected;
    const verified = Math.random() < this.#plan.verify;
    const comparison = this.#content.comparison(key, size, offset);
    const beginning: Buffer[] = []; // where an error's code stands
    const answer = await client.send(head, {
      sink: (piece) => {
        if (beginning.length === 0) beginning.push(piece);
        if (verified) comparison.push(piece);
      },
    });
    const { bodyBytes, firstByteMs } = answer;
    let error: string | undefined;
    if (answer.status !== status) {
      error = errorOf(answer.status, beginning[0]?.toString() ?? "");
    } else if (bodyBytes !== length) error = "WrongLength";
    else if (verified && !comparison.same) error = "WrongBytes";
    return { bytes: bodyBytes, firstByteMs, error, verified };
  }

  async #head(client: S3Client, index: number): Promise<Result> {
    const { key, size } = this.#object(index);
    const head = this.#signed.get("head", index, () => client.head({ method: "HEAD", key }));
    const answer = await client.send(head, { withoutBody: true, sink: () => undefined });
    const result = plain({ ...answer, text: "" }, 200, 0);
    if (result.error !== undefined || answer.header("content-length") === String(size))
      return result;
    return { ...result, error: "WrongLength" };
  }

  async #delete(client: S3Client, index: number): Promise<Result> {
    const answer = await client.text({ method: "DELETE", key: this.#object(index).key });
    return plain(answer, 204, 0);
  }

  /** A page from a random place on; of what is behind the last key there may be little. */
  async #list(client: S3Client, index: number): Promise<Result> {
    const { pageKeys, delimiter, space } = this.#plan;
    const query = {
      "list-type": "2",
      "max-keys": String(pageKeys),
      ...(space.prefix !== "" && { prefix: space.prefix }),
      ...(delimiter !== "" && { delimiter }),
      "start-after": keyOf(space, index),
    };
    const answer = await client.text({ method: "GET", query });
    const result = plain(answer, 200, Buffer.byteLength(answer.text));
    if (result.error !== undefined) return result;
    const entries = answer.text.match(/<(Contents|CommonPrefixes)>/g)?.length ?? 0;
    const isTruncated = /<IsTruncated>true</.test(answer.text);
    const isWhole = answer.text.trimEnd().endsWith("</ListBucketResult>");
    // S3 may cut a page short, but not to nothing.
    const isRight = isWhole && entries <= pageKeys && (entries > 0 || !isTruncated);
    return isRight ? { ...result, verified: true } : { ...result, error: "WrongPage" };
  }

  async #multipart(client: S3Client, index: number): Promise<Result> {
    const { key, size } = this.#object(index);
    const begun = await client.text({ method: "POST", key, query: { uploads: "" } });
    const [uploadId] = elements(begun.text, "UploadId");
    if (begun.status !== 200 || uploadId === undefined) return plain(begun, 200, 0);
    const parts: string[] = [];
    const { partBytes } = this.#plan;
    for (let offset = 0; offset < size || parts.length === 0; offset += partBytes) {
      const length = Math.min(partBytes, size - offset);
      const answer = await this.#part(
        client,
        { index, uploadId, offset, length },
        parts.length + 1,
      );
      if (answer.status !== 200) {
        await client.text({ method: "DELETE", key, query: { uploadId } });
        return plain(answer, 200, 0);
      }
      const etag = answer.header("etag") ?? "";
      parts.push(`<Part><PartNumber>${parts.length + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
    }
    const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
    const query = { uploadId };
    const done = await client.text({ method: "POST", key, query }, Buffer.from(body));
    const { firstByteMs } = begun;
    // An error may come behind status 200, after the blanks that kept the connection.
    if (done.text.includes("<Error>")) return { ...plain(done, 0, 0), firstByteMs };
    return { ...plain(done, 200, size), firstByteMs };
  }

  async #part(
    client: S3Client,
    part: { index: number; uploadId: string; offset: number; length: number },
    number: number,
  ): Promise<S3Text> {
    const { key, size } = this.#object(part.index);
    const { uploadId, offset, length } = part;
    const head = client.head({
      method: "PUT",
      key,
      query: { uploadId, partNumber: String(number) },
      bodyBytes: length,
      ...this.#signedPayload(key, size, offset, length),
    });
    const reading = new TextReading();
    const answer = await client.send(head, {
      body: this.#content.pieces(key, size, offset, length),
      sink: (piece) => reading.push(piece),
    });
    return { ...answer, text: reading.text };
  }

  #object(index: number): { readonly key: string; readonly size: number } {
    return { key: keyOf(this.#plan.space, index), size: sizeOf(this.#plan.space, index) };
  }

  #signedPayload(...object: Parameters<Content["pieces"]>): { readonly contentSha256?: string } {
    if (!this.#plan.signPayload) return {};
    return { contentSha256: sha256Of(this.#content.pieces(...object)) };
  }
}

function plain(
  answer: Pick<S3Text, "status" | "text" | "firstByteMs">,
  expectedStatus: number,
  bytes: number,
): Result {
  const { status, text, firstByteMs } = answer;
  const error = status === expectedStatus ? undefined : errorOf(status, text);
  return { bytes, firstByteMs, error, verified: false };
}

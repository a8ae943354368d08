import { createHash } from "node:crypto";
import { elements, errorOf, escapeXml, S3Client, type S3Text, type Target } from "./s3-client.ts";
import { sha256Of } from "./signer.ts";

/** S3 takes as many in one DeleteObjects. */
const deletesAtATime = 1000;

/** Connections that delete. */
const deletesUnderWay = 4;

/** The place of a run: a bucket, and in it the keys with a prefix. */
export interface Place {
  readonly target: Target;
  readonly prefix: string;
}

export async function createBucket({ target }: Place): Promise<void> {
  const { region } = target;
  const configuration =
    region === "us-east-1"
      ? ""
      : `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
  using client = new S3Client(target);
  const body = Buffer.from(configuration);
  expect(
    await client.text({ method: "PUT", contentSha256: sha256Of([body]) }, body),
    "CreateBucket",
  );
}

/** Removes the objects and unfinished uploads of the run, and how many there were of each. */
export async function removeObjects(place: Place): Promise<{ objects: number; uploads: number }> {
  using client = new S3Client(place.target);
  let objects = 0;
  for (;;) {
    const query = { "list-type": "2", "max-keys": String(deletesAtATime), ...prefixOf(place) };
    const page = await client.text({ method: "GET", query });
    expect(page, "ListObjectsV2");
    const keys = elements(page.text, "Key");
    if (keys.length === 0) break;
    await deleteKeys(client, keys);
    objects += keys.length;
  }
  return { objects, uploads: await abortUploads(client, place) };
}

/** Deletes these objects, a thousand at a time over each of some connections. */
export async function deleteObjects(
  target: Target,
  keys: readonly string[],
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number) => void } = {},
): Promise<void> {
  let next = 0;
  let done = 0;
  const takeTurns = async (): Promise<void> => {
    using client = new S3Client(target);
    for (let page = takePage(); page.length > 0; page = takePage()) {
      options.signal?.throwIfAborted();
      await deleteKeys(client, page);
      done += page.length;
      options.onProgress?.(done);
    }
  };
  const takePage = (): readonly string[] => {
    const page = keys.slice(next, next + deletesAtATime);
    next += page.length;
    return page;
  };
  await Promise.all(Array.from({ length: deletesUnderWay }, takeTurns));
}

export async function deleteBucket({ target }: Place): Promise<void> {
  using client = new S3Client(target);
  expect(await client.text({ method: "DELETE" }), "DeleteBucket", 204);
}

async function deleteKeys(client: S3Client, keys: readonly string[]): Promise<void> {
  const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join("");
  const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`);
  const md5 = createHash("md5").update(body).digest("base64");
  const headers = [["content-md5", md5] as const];
  const contentSha256 = sha256Of([body]);
  const request = { method: "POST", query: { delete: "" }, headers, contentSha256 };
  const answer = await client.text(request, body);
  expect(answer, "DeleteObjects");
  if (answer.text.includes("<Error>"))
    throw new Error(`DeleteObjects: ${errorOf(200, answer.text)}`);
}

async function abortUploads(client: S3Client, place: Place): Promise<number> {
  const query = { uploads: "", ...prefixOf(place) };
  const page = await client.text({ method: "GET", query });
  if (page.status !== 200) return 0; // a store without ListMultipartUploads
  const keys = elements(page.text, "Key");
  const ids = elements(page.text, "UploadId");
  for (const [i, key] of keys.entries()) {
    const uploadId = ids[i] ?? "";
    expect(await client.text({ method: "DELETE", key, query: { uploadId } }), "Abort", 204);
  }
  return keys.length;
}

function prefixOf({ prefix }: Place): { readonly prefix?: string } {
  return prefix === "" ? {} : { prefix };
}

function expect({ status, text }: S3Text, what: string, wanted = 200): void {
  if (status !== wanted) throw new Error(`${what}: ${errorOf(status, text)}`);
}

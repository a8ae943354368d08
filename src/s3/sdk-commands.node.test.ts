import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "@aws-sdk/client-s3";
import { headersByName, requestHead } from "../platform/http.ts";
import { route } from "./operations.ts";
import { parseRequestTarget } from "./request/request-target.ts";

interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | null>>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Members that put something into the URI or distinguish operations; each command takes those it
 * knows.
 */
const members = {
  Bucket: "bucket",
  Key: "a/key",
  UploadId: "upload",
  PartNumber: 1,
  Id: "id",
  CopySource: "bucket/source",
  RenameSource: "/bucket/source",
  AnnotationName: "annotation",
  ObjectAttributes: ["ETag"],
  RequestRoute: "route",
  RequestToken: "token",
  Delete: { Objects: [{ Key: "a" }] },
  Body: "x",
  MaxDirectoryBuckets: 5,
};

class Sent extends Error {
  readonly request: SentRequest;
  constructor(request: SentRequest) {
    super("sent");
    this.request = request;
  }
}

const client = new sdk.S3Client({
  region: "us-east-1",
  endpoint: "http://127.0.0.1:1",
  forcePathStyle: true,
  disableS3ExpressSessionAuth: true,
  maxAttempts: 1,
  credentials: { accessKeyId: "a", secretAccessKey: "b" },
  requestHandler: { handle: (request: SentRequest) => Promise.reject(new Sent(request)) },
});

type Command = Parameters<typeof client.send>[0];
type CommandClass = new (input: typeof members) => Command;

const commands = Object.entries(sdk)
  .filter(([name]) => /^[A-Z]\w+Command$/.test(name))
  // The SDK's exports, distinguished by name: each is a class over members of its own.
  .map(([name, command]) => [name.replace(/Command$/, ""), command as CommandClass] as const);

async function sentBy(command: CommandClass): Promise<SentRequest> {
  try {
    await client.send(new command(members));
  } catch (error) {
    if (error instanceof Sent) return error.request;
    throw error;
  }
  return assert.fail("nothing was sent");
}

test("routing: every command of the SDK, as it is really sent, is recognised as itself", async () => {
  assert.equal(commands.length, 112);
  for (const [name, command] of commands) {
    const { method, path, query, headers } = await sentBy(command);
    const pairs = Object.entries(query).map(([key, value]) => `${key}=${value ?? ""}`);
    const named = headersByName(Object.entries(headers));
    const head = requestHead(method, `${path}?${pairs.join("&")}`, named);
    assert.equal(route(method, parseRequestTarget(head, []), named)?.operation, name);
  }
});

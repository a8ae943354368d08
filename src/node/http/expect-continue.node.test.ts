import assert from "node:assert/strict";
import { test } from "node:test";
import { signRequest } from "../../auth/sign.ts";
import { encodeUtf8, noBytes, toHex } from "../../base/bytes.ts";
import { createTestS3 } from "../../s3/testing/test-s3.ts";
import { createHash } from "../platform/hash.ts";
import { HttpPeer, serve } from "../testing/http-peer.ts";

const hash = createHash();
/** The time that the clock of stores in tests shows. */
const testTimeMs = 1_700_000_000_000;
const hello = encodeUtf8("hello");

/** The head of a PUT that waits for 100 Continue. */
function head(
  port: number,
  target: string,
  secretAccessKey: string,
  more: string,
  body = hello,
): string {
  const key = { accessKeyId: "root", secretAccessKey, region: "us-east-1" };
  const request = { method: "PUT", target, headers: [["host", `127.0.0.1:${port}`]] as const };
  const contentSha256 = toHex(hash.digest("sha256", body));
  const { headers } = signRequest(hash, key, request, { timeMs: testTimeMs, contentSha256 });
  const lines = headers.map((pair) => pair.join(": "));
  const own = [`host: 127.0.0.1:${port}`, `content-length: ${body.length}`, "expect: 100-continue"];
  const all = [...lines.filter((line) => !line.startsWith("host:")), ...own];
  return `PUT ${target} HTTP/1.1\r\n${all.join("\r\n")}\r\n${more}\r\n`;
}

test("100 Continue: comes only after signature, bucket and conditions were looked at", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/there" });
  await s3.send({ method: "PUT", target: "/there/taken", body: "x" });
  await using server = await serve(s3.handler, { lingerMs: 50 });
  const refusals: [target: string, secret: string, more: string, status: number][] = [
    ["/there/k", "wrong", "", 403],
    ["/nowhere/k", "secret", "", 404],
    ["/there/taken", "secret", "if-none-match: *\r\n", 412],
    ["/there/k", "secret", "content-md5: nonsense\r\n", 400],
  ];
  for (const [target, secret, more, status] of refusals) {
    const peer = new HttpPeer(server.port);
    peer.send(head(server.port, target, secret, more));
    await peer.closed;
    assert.match(peer.received, new RegExp(`^HTTP/1\\.1 ${status} .*connection: close`, "s"));
    assert.doesNotMatch(peer.received, /100 Continue/);
  }
});

test("100 Continue: an admitted client sends the body and keeps the connection", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/there" });
  await using server = await serve(s3.handler);
  const peer = new HttpPeer(server.port);
  for (const name of ["one", "two"]) {
    peer.received = "";
    peer.send(head(server.port, `/there/${name}`, "secret", ""));
    assert.match(await peer.until("\r\n\r\n"), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    peer.send("hello");
    await peer.until("HTTP/1.1 200 OK");
  }
  assert.equal((await s3.send({ method: "GET", target: "/there/two" })).text, "hello");
  peer.socket.destroy();
});

// botocore takes the status it has read at once for that of the next answer on the connection, too
// (1.43.62).
test("100 Continue: with an empty body the answer comes at once, and ends the connection", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/there" });
  await using server = await serve(s3.handler, { lingerMs: 50 });
  const peer = new HttpPeer(server.port);
  peer.send(head(server.port, "/there/empty", "secret", "", noBytes));
  await peer.closed;
  assert.match(peer.received, /^HTTP\/1\.1 200 .*connection: close/s);
  assert.equal((await s3.send({ method: "GET", target: "/there/empty" })).text, "");
});

test("RequestTimeout: an upload that stalls is answered in S3's words, and nothing is stored", async () => {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/there" });
  await using server = await serve(s3.handler, { bodyWindowMs: 100, lingerMs: 50 });
  const peer = new HttpPeer(server.port);
  peer.send(`${head(server.port, "/there/k", "secret", "")}`);
  await peer.until("100 Continue");
  peer.send("hel");
  await peer.closed;
  assert.match(peer.received, /HTTP\/1\.1 400 .*connection: close.*<Code>RequestTimeout<\/Code>/s);
  assert.equal((await s3.send({ method: "HEAD", target: "/there/k" })).status, 404);
});

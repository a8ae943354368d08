import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { makeCertificate, noOpenssl } from "../testing/certificates.ts";
import { echoLength, HttpPeer, readAll, serve } from "../testing/http-peer.ts";
import { Scratch } from "../testing/served-store.ts";

// What is right stands in RFC 9112: 6.3 (what follows a body is another message), 6.1 (a transfer
// coding that is not understood is 501), 9.6 (an answer is not lost by closing). The names of
// errors are S3's (API reference, "Error responses").

const limits = { lingerMs: 2_000 };
const put = "PUT /a HTTP/1.1\r\nhost: h\r\n";
const sized = `${put}content-length: 2\r\n\r\nok`;
const coded = (coding: string): string => `${put}transfer-encoding: ${coding}\r\n\r\n`;

/** Commits, then answers: as late as a write that waits for its syncs. */
function committing(): { readonly handler: HttpHandler; readonly committed: string[] } {
  const committed: string[] = [];
  const handler: HttpHandler = async (request) => {
    const bytes = await readAll(request.body);
    await new Promise(setImmediate);
    committed.push(`${request.head.method} ${bytes}`);
    return { status: 200, headers: [], body: encodeUtf8("done") };
  };
  return { handler, committed };
}

const behind: Readonly<Record<string, string>> = {
  "bytes behind a body": `${sized}MORE\r\n\r\n`,
  "NUL bytes behind a body": `${sized}\0\0\0\0`,
  "a TLS handshake behind a body": `${sized}\x16\x03\x01\x02\x00`,
  "bytes behind a chunked body": `${coded("chunked")}2\r\nok\r\n0\r\n\r\n{}{}`,
  "a body where none was announced": 'DELETE /a HTTP/1.1\r\nhost: h\r\n\r\n{"a": 1}',
  "70 KB behind a body": `${sized}${"x".repeat(70_000)}`,
};

for (const [what, text] of Object.entries(behind)) {
  test(`C1: ${what} do not take the answer of a committed write`, async () => {
    const { handler, committed } = committing();
    await using server = await serve(handler, limits);
    const peer = new HttpPeer(server.port);
    peer.send(text);
    assert.match(await peer.until("done"), /^HTTP\/1\.1 200 .*connection: close/s);
    peer.socket.end();
    await peer.closed;
    assert.equal(committed.length, 1);
    assert.equal(peer.received.match(/HTTP\/1\.1/g)?.length, 1);
  });
}

test("bytes behind a request while its answer is being sent end the connection after it", async () => {
  const mayGoOn = Promise.withResolvers<void>();
  async function* halves(): AsyncGenerator<Uint8Array> {
    yield encodeUtf8("first");
    await mayGoOn.promise;
    yield encodeUtf8("last");
  }
  await using server = await serve(
    () => Promise.resolve({ status: 200, headers: [["content-length", "9"]], body: halves() }),
    limits,
  );
  const peer = new HttpPeer(server.port);
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
  await peer.until("first");
  peer.send("NO HTTP\r\n\r\n");
  mayGoOn.resolve();
  await peer.until("last");
  peer.socket.end();
  await peer.closed;
});

test("half-close: a client that ends its side after the request still gets the answer", async () => {
  const { handler, committed } = committing();
  await using server = await serve(handler, limits);
  const get = "GET /a HTTP/1.1\r\nhost: h\r\n\r\n";
  for (const [text, answers] of [
    [sized, 1],
    [get, 1],
    [get + get, 2],
    [`${sized}MORE`, 1],
  ] as const) {
    const peer = new HttpPeer(server.port);
    peer.socket.end(text);
    await peer.closed;
    assert.equal(peer.received.match(/ 200 OK.*?done/gs)?.length, answers, text);
  }
  assert.equal(committed.length, 5);
});

test("half-close: the same over TLS", { skip: noOpenssl }, async (t) => {
  using scratch = new Scratch();
  const { handler } = committing();
  const tls = makeCertificate(scratch.path, "half");
  await using server = await serve(handler, limits, 2_000, { tls });
  const below = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  const socket = connectTls({ socket: below, rejectUnauthorized: false });
  t.after(() => socket.destroy());
  let received = "";
  socket.setEncoding("latin1").on("data", (text) => (received += text));
  socket.end(sized);
  await once(socket, "end");
  assert.match(received, /^HTTP\/1\.1 200 .*done$/s);
});

test(
  "tls: a client that leaves before the handshake is forgotten at once",
  { skip: noOpenssl },
  async () => {
    using scratch = new Scratch();
    const tls = makeCertificate(scratch.path, "left");
    await using server = await serve(echoLength, { headersMs: 600_000 }, 2_000, { tls });
    for (const sent of ["", "\x16\x03\x01\x02\x00"]) {
      const socket = connect({ port: server.port, host: "127.0.0.1" });
      socket.resume().end(sent);
      await once(socket, "close");
    }
  },
);

test("a body that ends early, or is chunked wrongly, is the client's fault and is answered so", async () => {
  const failures: string[] = [];
  await using server = await serve(async (request) => {
    try {
      return await echoLength(request);
    } catch (error) {
      failures.push(String(error));
      throw error;
    }
  }, limits);
  const cases: readonly [text: string, failure: RegExp][] = [
    [`${put}content-length: 20\r\n\r\nok`, /closed before the end of the body/],
    [`${coded("chunked")}2\r\nok\r\n`, /closed before the end of the body/],
    [`${coded("chunked")}2\r\nokzz\r\n`, /not well-formed/],
    [`${coded("chunked")}zz\r\n`, /not well-formed/],
    [`${coded("chunked")}2;${"x".repeat(40_000)}\r\nok\r\n0\r\n\r\n`, /not well-formed/],
  ];
  for (const [text, failure] of cases) {
    const peer = new HttpPeer(server.port);
    peer.socket.end(text);
    await peer.closed;
    assert.match(peer.received, /^HTTP\/1\.1 400 .*BadRequest/s, text.slice(0, 90));
    assert.match(failures.pop() ?? "", failure);
  }
});

test("a transfer coding other than chunked is 501, before the body is read", async () => {
  let asked = 0;
  await using server = await serve((request) => {
    asked++;
    return echoLength(request);
  }, limits);
  for (const coding of ["gzip", "gzip, chunked", "identity", "xchunked", "deflate"]) {
    const peer = new HttpPeer(server.port);
    peer.socket.end(`${coded(coding)}2\r\nok\r\n0\r\n\r\n`);
    await peer.closed;
    const answer = /^HTTP\/1\.1 501 .*NotImplemented.*<Header>Transfer-Encoding</s;
    assert.match(peer.received, answer, coding);
  }
  assert.equal(asked, 0);
  const peer = new HttpPeer(server.port);
  peer.send(`${coded("Chunked")}2\r\nok\r\n0\r\n\r\n`);
  await peer.until("got 2");
  peer.socket.destroy();
});

test("a head that is too long: the client reads the answer, however much more it sends", async () => {
  await using server = await serve(echoLength, limits);
  const long = "y".repeat(30_000);
  for (const text of [
    `GET /a HTTP/1.1\r\nhost: h\r\nx: ${"y".repeat(3_000_000)}\r\n\r\n`,
    `GET /a HTTP/1.1\r\nhost: h\r\n${"a: b\r\n".repeat(300_000)}\r\n`,
    `GET /${"y".repeat(500_000)} HTTP/1.1\r\nhost: h\r\n\r\n`,
    `${put}x: ${long}\r\ncontent-length: 1000000\r\n\r\n${"z".repeat(1_000_000)}`,
  ]) {
    const peer = new HttpPeer(server.port);
    let reset = false;
    peer.socket.once("error", () => (reset = true));
    peer.socket.end(text);
    await peer.closed;
    assert.match(peer.received, /^HTTP\/1\.1 400 .*RequestHeaderSectionTooLarge.*<\/Error>$/s);
    assert.equal(reset, false);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { echoLength, HttpPeer, type Running, serve } from "../testing/http-peer.ts";
import { until } from "../testing/served-store.ts";

const limits = { headersMs: 300, bodyWindowMs: 200, pieceMs: 200, lingerMs: 100, keepAliveMs: 100 };

const head = "PUT /a HTTP/1.1\r\nhost: h\r\n";

/** What is sent, and what the answer must look like; undefined: none, a closed connection. */
const cases: Readonly<Record<string, readonly [text: string, answer: RegExp | undefined]>> = {
  "both Content-Length and Transfer-Encoding": [
    `${head}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 400 .*BadRequest/s,
  ],
  "Content-Length twice": [
    `${head}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`,
    /^HTTP\/1\.1 400 .*BadRequest/s,
  ],
  "Content-Length that is no number": [`${head}content-length: +3\r\n\r\nabc`, /^HTTP\/1\.1 400 /],
  "Content-Length below zero": [`${head}content-length: -3\r\n\r\nabc`, /^HTTP\/1\.1 400 /],
  "Transfer-Encoding nobody knows": [
    `${head}transfer-encoding: gzip, chunked, x\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 501 .*NotImplemented/s,
  ],
  "Host twice": ["GET /a HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", /^HTTP\/1\.1 400 .*BadRequest/s],
  "no Host": ["GET /a HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 .*BadRequest/s],
  "a header folded over lines": [
    "GET /a HTTP/1.1\r\nhost: h\r\nx: 1\r\n 2\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
  "line feeds alone": ["GET /a HTTP/1.1\nhost: h\n\n", /^HTTP\/1\.1 400 /],
  "a NUL in a header": ["GET /a HTTP/1.1\r\nhost: h\r\nx: a\0b\r\n\r\n", /^HTTP\/1\.1 400 /],
  "a NUL in the target": ["GET /a\0b HTTP/1.1\r\nhost: h\r\n\r\n", /^HTTP\/1\.1 400 /],
  "a blank before the colon": ["GET /a HTTP/1.1\r\nhost : h\r\n\r\n", /^HTTP\/1\.1 400 /],
  "a header line without a name": ["GET /a HTTP/1.1\r\nhost: h\r\n: x\r\n\r\n", /^HTTP\/1\.1 400 /],
  "16,000 header lines": [
    `GET /a HTTP/1.1\r\nhost: h\r\n${"a: b\r\n".repeat(16_000)}\r\n`,
    /^HTTP\/1\.1 400 .*RequestHeaderSectionTooLarge/s,
  ],
  "a header line without an end": [
    `GET /a HTTP/1.1\r\nhost: ${"h".repeat(70_000)}`,
    /^HTTP\/1\.1 400 /,
  ],
  "a chunk size that is no number": [
    `${head}transfer-encoding: chunked\r\n\r\nzz\r\nabc`,
    /^HTTP\/1\.1 400 .*BadRequest/s,
  ],
  "a chunk size beyond all numbers": [
    `${head}transfer-encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nabc`,
    /^HTTP\/1\.1 400 .*BadRequest/s,
  ],
  "a chunk longer than its size": [
    `${head}transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 400 .*BadRequest/s,
  ],
  "a chunked body without an end": [
    `${head}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n`,
    /^HTTP\/1\.1 400 /,
  ],
  "a chunk extension without an end": [
    `${head}transfer-encoding: chunked\r\n\r\n2;${"x".repeat(100_000)}`,
    /^HTTP\/1\.1 400 .*BadRequest/s,
  ],
  "a body shorter than declared": [`${head}content-length: 10\r\n\r\nabc`, /^HTTP\/1\.1 400 /],
  "a body longer than declared": [
    `${head}content-length: 3\r\n\r\nabcdefgh`,
    /^HTTP\/1\.1 200 .*connection: close.*got 3/s,
  ],
  "an HTTP version of the future": ["GET /a HTTP/9.9\r\nhost: h\r\n\r\n", /^HTTP\/1\.1 400 /],
  "HTTP/2 without asking": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /^HTTP\/1\.1 400 /],
  // TLS answers with an alert.
  "a TLS greeting": ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /^[^H]{7}$/],
  CONNECT: ["CONNECT h:443 HTTP/1.1\r\nhost: h\r\n\r\n", undefined],
  "a method nobody knows": ["BREW /a HTTP/1.1\r\nhost: h\r\n\r\n", /^HTTP\/1\.1 400 /],
  "a request to upgrade": [
    "GET /a HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    /^HTTP\/1\.1 200 /,
  ],
  TRACE: ["TRACE /a HTTP/1.1\r\nhost: h\r\n\r\n", /^HTTP\/1\.1 200 /],
  "a whole URL as the target": ["GET http://h/a HTTP/1.1\r\nhost: h\r\n\r\n", /^HTTP\/1\.1 200 /],
  "HTTP/1.0": ["GET /a HTTP/1.0\r\n\r\n", /^HTTP\/1\.1 200 .*connection: close/is],
  "Connection: close": [
    "GET /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
    /^HTTP\/1\.1 200 /,
  ],
  "nothing at all": ["", /^$|^HTTP\/1\.1 400 /],
  "half a head": ["GET /a HT", /^$|^HTTP\/1\.1 400 /],
  "empty lines before a request": [
    "\r\n\r\nGET /a HTTP/1.1\r\nhost: h\r\n\r\n",
    /^HTTP\/1\.1 200 /,
  ],
};

async function nothingLeft({ server }: Running): Promise<void> {
  await until("nothing is left", () => {
    const { connections, requests, waitingForPeers } = server.statistics();
    return connections + requests + waitingForPeers === 0;
  });
}

for (const [what, [text, answer]] of Object.entries(cases)) {
  test(`hostile peers: ${what}`, async () => {
    await using server = await serve(echoLength, limits);
    const peer = new HttpPeer(server.port);
    peer.send(text);
    await peer.closed;
    if (answer === undefined) assert.doesNotMatch(peer.received, /^HTTP\/1\.1 2/);
    else assert.match(peer.received, answer);
    await nothingLeft(server);
  });
}

test("C6: hostile peers: 500 of them leave nothing behind, and others are served meanwhile", async () => {
  let bodies = 0;
  const handler: HttpHandler = async (request) => {
    if (request.head.method === "PUT") return echoLength(request);
    async function* body(): AsyncGenerator<Uint8Array> {
      bodies++;
      try {
        for (let i = 0; i < 256; i++) yield new Uint8Array(256 * 1024);
      } finally {
        bodies--;
      }
    }
    if (request.head.target === "/large") return { status: 200, headers: [], body: body() };
    return { status: 200, headers: [], body: encodeUtf8("well") };
  };
  await using server = await serve(handler, { ...limits, headersMs: 2_000 });
  const kinds: ((peer: HttpPeer) => void)[] = [
    (peer) => peer.send("GET /large HTTP/1.1\r\nhost: h\r\n\r\n"), // reads nothing
    // Reads nothing, and says so.
    (peer) => peer.socket.end("GET /large HTTP/1.1\r\nhost: h\r\n\r\n"),
    (peer) => peer.send(`${head}content-length: 100000\r\n\r\nabc`),
    (peer) => peer.socket.end(`${head}content-length: 100000\r\n\r\nabc`),
    (peer) => peer.send("GET /a HT"),
    (peer) => peer.socket.end("GET /a HT"),
    (peer) => peer.send(""),
    (peer) => peer.send(`${head}transfer-encoding: chunked\r\n\r\n5\r\nab`),
    (peer) => peer.send(`${head}expect: 100-continue\r\ncontent-length: 7\r\n\r\n`),
    (peer) => {
      peer.send(`${head}content-length: 100000\r\n\r\nabc`);
      setTimeout(() => peer.socket.resetAndDestroy(), 20);
    },
  ];
  const peers = Array.from({ length: 500 }, (_, i) => {
    const peer = new HttpPeer(server.port);
    peer.socket.pause();
    kinds[i % kinds.length]!(peer);
    return peer;
  });
  const good = new HttpPeer(server.port);
  good.send("GET /small HTTP/1.1\r\nhost: h\r\n\r\n");
  await good.until("well");
  good.socket.destroy();
  await nothingLeft(server);
  assert.equal(bodies, 0);
  for (const peer of peers) peer.socket.destroy();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isStoreError } from "../../base/errors.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { echoLength, HttpPeer, readAll, serve } from "../testing/http-peer.ts";
import { until } from "../testing/served-store.ts";

const put = (bytes: number): string =>
  `PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: ${bytes}\r\n\r\n`;

/** Says what the body ended with, as the S3 layer would in its words. */
const timeoutOf: HttpHandler = async (request) => {
  try {
    return await echoLength(request);
  } catch (error) {
    return { status: isStoreError(error, "stalled") ? 400 : 500, headers: [] };
  }
};

test("slow peers: a body that stalls is given up, answered, and the connection closed", async () => {
  await using server = await serve(timeoutOf, { bodyWindowMs: 100, lingerMs: 50 });
  const peer = new HttpPeer(server.port);
  peer.send(`${put(10)}abc`);
  await peer.closed;
  assert.match(peer.received, /^HTTP\/1\.1 400 .*connection: close/s);
});

test("slow peers: a body that is slow but steady arrives, however long it takes", async () => {
  const limits = { bodyWindowMs: 400, bodyWindowBytes: 2 };
  await using server = await serve(timeoutOf, limits);
  const peer = new HttpPeer(server.port);
  peer.send(put(20));
  for (let i = 0; i < 20; i++) {
    await sleep(50);
    peer.send("x");
  }
  assert.match(await peer.until("got "), /got 20/);
  peer.socket.destroy();
});

test("slow peers: one byte in a while is no progress", async () => {
  const limits = { bodyWindowMs: 200, bodyWindowBytes: 1024, lingerMs: 50 };
  await using server = await serve(timeoutOf, limits);
  const peer = new HttpPeer(server.port);
  peer.send(put(5000));
  const drip = setInterval(() => peer.send("x"), 20);
  await peer.closed;
  clearInterval(drip);
  assert.match(peer.received, /^HTTP\/1\.1 400 /);
});

test("slow peers: time in which the handler does not read the body does not count against the sender", async () => {
  const mayRead = Promise.withResolvers<void>();
  const handler: HttpHandler = async (request) => {
    await mayRead.promise;
    return timeoutOf(request);
  };
  await using server = await serve(handler, { bodyWindowMs: 50 });
  const peer = new HttpPeer(server.port);
  peer.send(`${put(3)}`);
  await sleep(200);
  peer.send("abc");
  mayRead.resolve();
  await peer.until("got 3");
  peer.socket.destroy();
});

test("slow peers: headers that come a byte at a time end in RequestTimeout", async () => {
  await using server = await serve(echoLength, { headersMs: 200 });
  const peer = new HttpPeer(server.port);
  const text = `GET /a HTTP/1.1\r\nhost: h\r\nx: ${"y".repeat(1000)}`;
  let at = 0;
  const drip = setInterval(() => peer.send(text[at++] ?? "y"), 20);
  await peer.closed;
  clearInterval(drip);
  assert.match(peer.received, /^HTTP\/1\.1 400 .*<Code>RequestTimeout<\/Code>/s);
});

test("slow peers: a connection on which nothing is ever asked is closed", async () => {
  await using server = await serve(echoLength, { headersMs: 100 });
  await new HttpPeer(server.port).closed;
  await until("it is let go", () => server.server.statistics().connections === 0);
});

test("slow peers: an idle connection is closed after its time", async () => {
  await using server = await serve(echoLength, { keepAliveMs: 50 });
  const peer = new HttpPeer(server.port);
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
  await peer.closed;
  assert.match(peer.received, /got 0/);
});

/** More than all the kernel's buffers between the two. */
const largeBytes = 64 * 1024 * 1024;

test("C6: slow peers: an answer that is not read is cut off, and its memory is released", async () => {
  const letGo = Promise.withResolvers<void>();
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for (let sent = 0; sent < largeBytes; sent += 1024 * 1024) yield new Uint8Array(1024 * 1024);
    } finally {
      letGo.resolve();
    }
  }
  const headers = [["content-length", `${largeBytes}`]] as const;
  const handler: HttpHandler = () => Promise.resolve({ status: 200, headers, body: body() });
  await using server = await serve(handler, { pieceMs: 100 });
  const peer = new HttpPeer(server.port);
  peer.socket.pause();
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
  await letGo.promise;
  await until("all is let go", () => {
    const { connections, requests, waitingForPeers } = server.server.statistics();
    return connections + requests + waitingForPeers === 0;
  });
  peer.socket.destroy();
});

test("C6: slow peers: so is one that was handed over whole", async () => {
  const body = new Uint8Array(largeBytes);
  await using server = await serve(() => Promise.resolve({ status: 200, headers: [], body }), {
    pieceMs: 100,
  });
  const peer = new HttpPeer(server.port);
  peer.socket.pause();
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
  await until("the request began", () => server.server.statistics().requests === 1);
  await until("all is let go", () => server.server.statistics().connections === 0);
  peer.socket.destroy();
});

test("slow peers: an answer taken slowly but steadily arrives whole", async () => {
  const body = new Uint8Array(16 * 1024 * 1024);
  // Far longer than a rest of the peer, far shorter than all of them.
  await using server = await serve(() => Promise.resolve({ status: 200, headers: [], body }), {
    pieceMs: 500,
  });
  const peer = new HttpPeer(server.port);
  const restEach = 1024 * 1024;
  let bytes = 0;
  let rests = 0;
  peer.socket.removeAllListeners("data").on("data", (data: Uint8Array) => {
    bytes += data.length;
    if (bytes < (rests + 1) * restEach) return;
    rests++;
    peer.socket.pause();
    setTimeout(() => peer.socket.resume(), 50);
  });
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
  await peer.closed;
  assert.ok(bytes > body.length, `${bytes} bytes of ${body.length}`);
});

test("slow peers: what follows a short body thrown away in part is still understood", async () => {
  await using server = await serve(
    async (request) => {
      if (request.head.method === "GET") return { status: 200, headers: [] };
      // Begins to read, and stops: the rest is held in the buffer.
      await request.body[Symbol.asyncIterator]().next();
      await sleep(50);
      return { status: 403, headers: [] };
    },
    { bodyBufferBytes: 1024, discardBytesMax: 64 * 1024 },
  );
  const peer = new HttpPeer(server.port);
  peer.send(`${put(50_000)}${"x".repeat(50_000)}GET /b HTTP/1.1\r\nhost: h\r\n\r\n`);
  assert.match(await peer.until("200 OK"), /^HTTP\/1\.1 403 /);
  peer.socket.destroy();
});

test("slow peers: a connection goes on behind a body that filled the buffer and was not read", async () => {
  await using server = await serve(() => Promise.resolve({ status: 403, headers: [] }), {
    bodyBufferBytes: 1024,
  });
  const peer = new HttpPeer(server.port);
  peer.send(`${put(5_000)}${"x".repeat(5_000)}`);
  await peer.until("\r\n\r\n");
  peer.send("GET /b HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
  await peer.closed;
  assert.equal(peer.received.match(/HTTP\/1\.1 403/g)?.length, 2);
});

test("slow peers: a refused upload of unknown length is read on a little, then closed", async () => {
  const limits = { lingerMs: 5_000, lingerBytes: 1024 * 1024 };
  await using server = await serve(() => Promise.resolve({ status: 403, headers: [] }), limits);
  const peer = new HttpPeer(server.port);
  peer.send("PUT /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n");
  const frame = Buffer.from(`10000\r\n${"x".repeat(65_536)}\r\n`);
  const flood = setInterval(() => peer.socket.write(frame), 1);
  await peer.closed;
  clearInterval(flood);
  assert.match(peer.received, /^HTTP\/1\.1 403 .*connection: close/s);
});

test("slow peers: a hang-up in the middle of a body counts as gone, not as slow", async () => {
  const ended = Promise.withResolvers<unknown>();
  await using server = await serve(async (request) => {
    await readAll(request.body).catch(ended.resolve);
    return { status: 200, headers: [] };
  });
  const peer = new HttpPeer(server.port);
  peer.send(`${put(10)}abc`);
  peer.socket.resetAndDestroy();
  assert.ok(isStoreError(await ended.promise, "cancelled"));
  await peer.closed;
});

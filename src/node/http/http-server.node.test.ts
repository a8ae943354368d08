import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../base/bytes.ts";
import { isStoreError } from "../../base/errors.ts";
import type { HttpHandler, HttpRequest } from "../../platform/http.ts";
import { HttpServer } from "./http-server.ts";
import { echoLength, HttpPeer, readAll, serve } from "../testing/http-peer.ts";

test("http server: hands on target, method and headers as sent, names in lower case", async () => {
  let seen: HttpRequest | undefined;
  await using server = await serve((request) => {
    seen = request;
    return Promise.resolve({ status: 204, headers: [["x-one", "1"]] });
  });
  const peer = new HttpPeer(server.port);
  peer.send("GET /a%2Fb//../c?x=%20&y HTTP/1.1\r\nHost: h\r\nX-Two: a\r\nx-two: B\r\n\r\n");
  const answer = await peer.until("\r\n\r\n");
  assert.equal(seen?.head.target, "/a%2Fb//../c?x=%20&y");
  assert.deepEqual(
    [...(seen?.head.headers ?? [])],
    [
      ["host", "h"],
      ["x-two", "a,B"],
    ],
  );
  assert.match(answer, /^HTTP\/1\.1 204 .*x-one: 1/s);
  assert.doesNotMatch(answer, /content-length/);
  peer.socket.destroy();
});

test("http server: a whole URL as the target means its path and query", async () => {
  // RFC 9112, section 3.2.2: servers must accept it. Proxies send it, and the .NET SDK with one
  // configured.
  const seen: string[] = [];
  await using server = await serve((request) => {
    seen.push(request.head.target);
    return Promise.resolve({ status: 200, headers: [] });
  });
  const cases = [
    ["http://h/a%2Fb//../c?x=%20&y", "/a%2Fb//../c?x=%20&y"],
    ["HTTPS://h:9000/-/ready", "/-/ready"],
    ["http://h", "/"],
    ["http://h?list-type=2", "/?list-type=2"],
    ["//h/a", "//h/a"],
    ["/http://h/a", "/http://h/a"],
    ["ftp://h/a", "ftp://h/a"],
  ] as const;
  const peer = new HttpPeer(server.port);
  for (const [target] of cases) {
    peer.send(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
  }
  while (seen.length < cases.length) await new Promise(setImmediate);
  assert.deepEqual(
    seen,
    cases.map(([, target]) => target),
  );
  peer.socket.destroy();
});

test("http server: serves several requests on one connection, bodies sized or chunked", async () => {
  await using server = await serve(echoLength);
  const peer = new HttpPeer(server.port);
  peer.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello");
  assert.match(await peer.until("got 5"), /content-length: 5/);
  peer.send(
    "PUT /b HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  );
  await peer.until("got 3");
  peer.socket.destroy();
});

test("http server: a header's bytes go out as they are, whatever they are and wherever it stands", async () => {
  for (const value of ['attachment; filename="\xc3\xa9"', "\xff", "plain"]) {
    await using server = await serve(() =>
      Promise.resolve({
        status: 200,
        headers: [
          ["content-length", "2"],
          ["content-disposition", value],
        ],
        body: encodeUtf8("ok"),
      }),
    );
    const peer = new HttpPeer(server.port);
    peer.socket.setEncoding("latin1");
    peer.send("GET /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    await peer.closed;
    assert.ok(peer.received.includes(`content-disposition: ${value}\r\n`), peer.received);
  }
});

test("http server: answers HEAD with the length stated and no body", async () => {
  await using server = await serve(() =>
    Promise.resolve({ status: 200, headers: [["content-length", "77"]] }),
  );
  const peer = new HttpPeer(server.port);
  peer.send("HEAD /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
  await peer.closed;
  assert.match(peer.received, /content-length: 77\r\n.*\r\n\r\n$/s);
});

test("http server: sends 100 Continue at the first pull and not before", async () => {
  const mayPull = Promise.withResolvers<void>();
  await using server = await serve(async (request) => {
    await mayPull.promise;
    return echoLength(request);
  });
  const peer = new HttpPeer(server.port);
  peer.send("PUT /a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(peer.received, "");
  mayPull.resolve();
  await peer.until("100 Continue");
  peer.send("ok");
  await peer.until("got 2");
  peer.socket.destroy();
});

test("http server: refuses without 100 Continue and closes, since the body may still come", async () => {
  await using server = await serve(() => Promise.resolve({ status: 403, headers: [] }), {
    lingerMs: 50,
  });
  const peer = new HttpPeer(server.port);
  peer.send("PUT /a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  await peer.closed;
  assert.match(peer.received, /^HTTP\/1\.1 403 .*connection: close/s);
});

test("http server: a peer still sending a large body reads the whole refusal first", async () => {
  await using server = await serve(() =>
    Promise.resolve({ status: 403, headers: [], body: encodeUtf8("refused") }),
  );
  const peer = new HttpPeer(server.port);
  const bytes = 8 * 1024 * 1024;
  peer.send(`PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: ${bytes}\r\n\r\n`);
  for (let sent = 0; sent < bytes; sent += 65_536) {
    if (!peer.socket.write(Buffer.alloc(65_536))) {
      await new Promise((resolve) => peer.socket.once("drain", resolve));
    }
  }
  await peer.closed;
  assert.match(peer.received, /403 .*refused$/s);
});

test("http server: keeps the connection after throwing away a short unread body", async () => {
  await using server = await serve(() => Promise.resolve({ status: 200, headers: [] }));
  const peer = new HttpPeer(server.port);
  peer.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n01234");
  await peer.until("\r\n\r\n");
  peer.send("56789GET /b HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
  await peer.closed;
  assert.equal(peer.received.match(/HTTP\/1\.1 200/g)?.length, 2);
});

test("http server: a body that the handler does not read is held back at the peer", async () => {
  const mayPull = Promise.withResolvers<void>();
  await using server = await serve(async (request) => {
    const parts = request.body[Symbol.asyncIterator]();
    await parts.next();
    await mayPull.promise;
    return echoLength(request);
  });
  const peer = new HttpPeer(server.port);
  const bytes = 64 * 1024 * 1024;
  peer.send(`PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: ${bytes}\r\n\r\n`);
  peer.socket.write(Buffer.alloc(bytes));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(peer.socket.bytesWritten > 0 && peer.socket.writableLength > bytes / 4);
  mayPull.resolve();
  await peer.until("got ");
  peer.socket.destroy();
});

test("http server: a hang-up ends the body with cancelled and aborts the signal", async () => {
  const outcome = Promise.withResolvers<[unknown, boolean]>();
  await using server = await serve(async (request) => {
    const { signal } = request;
    try {
      await readAll(request.body);
      outcome.resolve(["no error", signal.aborted]);
    } catch (error) {
      outcome.resolve([error, signal.aborted]);
    }
    return { status: 200, headers: [] };
  });
  const peer = new HttpPeer(server.port);
  peer.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nsome");
  setTimeout(() => peer.socket.resetAndDestroy(), 20);
  const [error, aborted] = await outcome.promise;
  assert.ok(isStoreError(error, "cancelled"), String(error));
  assert.equal(aborted, true);
});

test("http server: streams at the peer's pace and ends the source when the peer leaves", async () => {
  let produced = 0;
  const ended = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        produced++;
        yield new Uint8Array(65_536);
      }
    } finally {
      ended.resolve();
    }
  }
  await using server = await serve(() =>
    Promise.resolve({ status: 200, headers: [], body: endless() }),
  );
  const peer = new HttpPeer(server.port);
  peer.socket.pause();
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(produced < 500, `${produced} pieces were made for a peer that reads nothing`);
  peer.socket.destroy();
  await ended.promise;
});

test("http server: each piece of a slow answer leaves at once, the first with the head", async () => {
  const next = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield encodeUtf8("first");
    await next[0].promise;
    yield encodeUtf8(" ");
    await next[1].promise;
    yield encodeUtf8("last");
  }
  await using server = await serve(() =>
    Promise.resolve({ status: 200, headers: [], body: slow() }),
  );
  const peer = new HttpPeer(server.port);
  peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.match(await peer.until("first\r\n"), /^HTTP\/1\.1 200 /);
  next[0].resolve();
  await peer.until("1\r\n \r\n");
  next[1].resolve();
  assert.match(await peer.until("0\r\n\r\n"), /last/);
});

test("http server: an answer whose source fails midway is cut, never completed", async () => {
  const mayFail = Promise.withResolvers<void>();
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield encodeUtf8("half");
    await mayFail.promise;
    throw new Error("disk");
  }
  await using server = await serve(() =>
    Promise.resolve({ status: 200, headers: [["content-length", "8"]], body: failing() }),
  );
  const peer = new HttpPeer(server.port);
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
  await peer.until("half");
  mayFail.resolve();
  await peer.closed;
  assert.match(peer.received, /half$/);
});

test("http server: a header value with a line end breaks the answer, and its body is released", async () => {
  const letGo = Promise.withResolvers<void>();
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      yield encodeUtf8("body");
    } finally {
      letGo.resolve();
    }
  }
  const logged: string[] = [];
  const log = (_: string, event: string): void => void logged.push(event);
  const headers = [["content-disposition", "a\r\nset-cookie: b"]] as const;
  const handler: HttpHandler = () => ({ status: 200, headers, body: body() });
  await using server = await serve(handler, {}, 2_000, { log });
  const peer = new HttpPeer(server.port);
  peer.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n");
  await Promise.all([letGo.promise, peer.closed]);
  assert.equal(peer.received, "");
  assert.deepEqual(logged, ["response_broken"]);
});

test("http server: what is not HTTP, or too long, is answered 400 in S3's form", async () => {
  await using server = await serve(echoLength);
  const cases: [string, string][] = [
    ["NOT HTTP AT ALL\r\n\r\n", "BadRequest"],
    ["GET /a b HTTP/1.1\r\n\r\n", "BadRequest"],
    ["GET /a HTTP/1.1\r\n\r\n", "BadRequest"],
    [
      `GET /a HTTP/1.1\r\nhost: h\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
      "RequestHeaderSectionTooLarge",
    ],
    [`GET /a HTTP/1.1\r\nhost: h\r\n${"x: y\r\n".repeat(300)}\r\n`, "RequestHeaderSectionTooLarge"],
  ];
  for (const [text, code] of cases) {
    const peer = new HttpPeer(server.port);
    peer.send(text);
    await peer.until("</Error>");
    assert.match(peer.received, new RegExp(`^HTTP/1.1 400 .*<Code>${code}</Code>`, "s"));
    peer.socket.destroy();
  }
});

test("http server: stops by finishing what is under way and closing idle connections", async () => {
  const [reached, mayAnswer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = await serve(async (request) => {
    if (request.head.target === "/slow") {
      reached.resolve();
      await mayAnswer.promise;
    }
    return { status: 200, headers: [] };
  });
  const idle = new HttpPeer(server.port);
  idle.send("GET /quick HTTP/1.1\r\nhost: h\r\n\r\n");
  await idle.until("200 OK");
  const busy = new HttpPeer(server.port);
  busy.send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n");
  await reached.promise;
  const stopped = server.stop();
  await idle.closed;
  assert.equal(busy.received, "");
  mayAnswer.resolve();
  await stopped;
  await busy.closed;
  assert.match(busy.received, /200 OK.*connection: close/s);
});

test("http server: at the deadline of a stop cuts what is still under way", async () => {
  const aborted = Promise.withResolvers<void>();
  const server = await serve(
    (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener("abort", () => {
          aborted.resolve();
          resolve({ status: 200, headers: [] });
        });
      }),
    {},
    50,
  );
  const peer = new HttpPeer(server.port);
  peer.send("GET /stuck HTTP/1.1\r\nhost: h\r\n\r\n");
  await new Promise((resolve) => setTimeout(resolve, 30));
  await server.stop();
  await aborted.promise;
});

test("http server: an address in use is refused with the fix", async () => {
  await using first = await serve(echoLength);
  const log = (): void => undefined;
  const options = {
    handler: echoLength,
    log,
    host: "127.0.0.1",
    port: first.port,
    finishMs: () => 10,
  };
  const second = new HttpServer(options).run(new AbortController().signal);
  await assert.rejects(second, /another program listens there.*--listen/);
});

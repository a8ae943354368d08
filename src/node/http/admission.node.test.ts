import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { echoLength, HttpPeer, serve } from "../testing/http-peer.ts";
import { until } from "../testing/served-store.ts";

const get = "GET /a HTTP/1.1\r\nhost: h\r\n\r\n";

/** A handler that answers when the test lets it. */
function held(): { handler: HttpHandler; letGo: () => void } {
  const mayAnswer = Promise.withResolvers<void>();
  const handler: HttpHandler = async () => {
    await mayAnswer.promise;
    return { status: 200, headers: [] };
  };
  return { handler, letGo: () => mayAnswer.resolve() };
}

test("C6: admission: past the request limit 503 SlowDown, on a connection that may ask again", async () => {
  const { handler, letGo } = held();
  await using server = await serve(handler, { requests: 1 });
  const first = new HttpPeer(server.port);
  first.send(get);
  await until("the first is under way", () => server.server.statistics().requests === 1);
  const second = new HttpPeer(server.port);
  second.send(get);
  assert.match(await second.until("</Error>"), /503 .*retry-after: 1.*SlowDown/s);
  assert.doesNotMatch(second.received, /connection: close/);
  letGo();
  await first.until("200 OK");
  second.send(get);
  await second.until("200 OK");
  assert.equal(server.server.statistics().refused.requests, 1);
  for (const peer of [first, second]) peer.socket.destroy();
});

test("C6: admission: refusals that linger take no request's place", async () => {
  const { handler, letGo } = held();
  await using server = await serve(handler, { requests: 1 });
  const busy = new HttpPeer(server.port);
  busy.send(get);
  await until("it is under way", () => server.server.statistics().requests === 1);
  const uploads = Array.from({ length: 5 }, () => new HttpPeer(server.port));
  for (const peer of uploads) {
    peer.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 999999999\r\n\r\n");
    await peer.until("SlowDown");
  }
  letGo();
  await busy.until("200 OK");
  busy.send(get);
  await until("the next is served", () => busy.received.split("200 OK").length === 3);
  for (const peer of [busy, ...uploads]) peer.socket.destroy();
});

test("C6: admission: connections past the limit are answered SlowDown; past those, closed", async () => {
  const { handler, letGo } = held();
  await using server = await serve(handler, { connections: 2, surplusConnections: 1 });
  const served = [new HttpPeer(server.port), new HttpPeer(server.port)];
  for (const peer of served) peer.send(get);
  await until("both are under way", () => server.server.statistics().requests === 2);
  const surplus = new HttpPeer(server.port);
  surplus.send(get);
  await surplus.closed;
  assert.match(surplus.received, /503 .*retry-after: 1.*connection: close.*SlowDown/s);
  const idle = new HttpPeer(server.port);
  await until("it is known", () => server.server.statistics().connections === 3);
  const beyond = new HttpPeer(server.port);
  beyond.send(get);
  await beyond.closed;
  assert.equal(beyond.received, "");
  letGo();
  for (const peer of served) await peer.until("200 OK");
  for (const peer of [...served, idle]) peer.socket.destroy();
  await until("all are gone", () => server.server.statistics().connections === 0);
  const again = new HttpPeer(server.port);
  again.send(get);
  await again.until("200 OK");
  again.socket.destroy();
});

test("C6: pipelined requests are served one at a time and answered in order", async () => {
  let [running, most] = [0, 0];
  await using server = await serve(async (request) => {
    running++;
    most = Math.max(most, running);
    const isFirst = request.head.target === "/0";
    await new Promise((resolve) => setTimeout(resolve, isFirst ? 30 : 0));
    running--;
    return { status: 200, headers: [], body: encodeUtf8(`<${request.head.target}>`) };
  });
  const peer = new HttpPeer(server.port);
  const targets = Array.from({ length: 20 }, (_, i) => `/${i}`);
  peer.send(targets.map((target) => `GET ${target} HTTP/1.1\r\nhost: h\r\n\r\n`).join(""));
  await peer.until("</19>");
  assert.deepEqual(
    peer.received.match(/<[^>]+>/g),
    targets.map((target) => `<${target}>`),
  );
  assert.equal(most, 1);
  peer.socket.destroy();
});

test("admission: what is pipelined behind an answer that ends the connection is not done", async () => {
  const asked: string[] = [];
  const handler: HttpHandler = (request) => {
    asked.push(request.head.target);
    return Promise.resolve({ status: 403, headers: [] });
  };
  await using server = await serve(handler, { discardBytesMax: 10, lingerMs: 1000 });
  const peer = new HttpPeer(server.port);
  peer.send(`PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n${"x".repeat(50)}`);
  await peer.until("connection: close");
  peer.send(`${"x".repeat(50)}DELETE /b HTTP/1.1\r\nhost: h\r\n\r\n`);
  await peer.closed;
  await until("nothing is left", () => server.server.statistics().requests === 0);
  assert.deepEqual(asked, ["/a"]);
});

test("C6: pipelining past the limit closes the connection", async () => {
  let asked = 0;
  await using server = await serve(
    async () => {
      asked++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { status: 200, headers: [] };
    },
    { pipelined: 4 },
  );
  const peer = new HttpPeer(server.port);
  peer.send(get.repeat(1000));
  await peer.closed;
  await until("nothing is left", () => server.server.statistics().requests === 0);
  assert.equal(asked, 1);
});

test("admission: 100 Continue is sent neither to refused requests nor to HTTP/1.0", async () => {
  await using server = await serve(echoLength, { requests: 0, lingerMs: 50 });
  const peer = new HttpPeer(server.port);
  peer.send("PUT /a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  await peer.closed;
  assert.match(peer.received, /^HTTP\/1\.1 503 .*connection: close/s);
  await using old = await serve(echoLength);
  const oldPeer = new HttpPeer(old.port);
  oldPeer.send("PUT /a HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nok");
  await oldPeer.closed;
  assert.match(oldPeer.received, /^HTTP\/1\.1 200 .*got 2$/s);
});

test("admission: an unknown or empty expectation is ignored", async () => {
  await using server = await serve(echoLength);
  for (const expectation of ["tea", "200", ""]) {
    const peer = new HttpPeer(server.port);
    const expect = `expect: ${expectation}\r\n`;
    peer.send(`PUT /a HTTP/1.1\r\nhost: h\r\n${expect}content-length: 2\r\n\r\nok`);
    assert.match(await peer.until("got 2"), /^HTTP\/1\.1 200 /);
    peer.socket.destroy();
  }
});

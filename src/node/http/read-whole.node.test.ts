import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyFault } from "../../platform/body-fault.ts";
import { isStoreError } from "../../base/errors.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { HttpPeer, serve } from "../testing/http-peer.ts";

/** Answers with the body and whether it had arrived before it was asked for. */
const echo: HttpHandler = async (request) => {
  await Promise.resolve();
  const read = request.readWhole(100);
  const had = read instanceof Promise ? "waited" : "at once";
  const body = Buffer.from(await read);
  return { status: 200, headers: [["x-had", had]], body: Buffer.concat([body, Buffer.from("!")]) };
};

const head = (length: number, more = "") =>
  `PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: ${length}\r\n${more}\r\n`;

test("http server: a body that came with its head is read whole at once, request after request", async () => {
  await using server = await serve(echo);
  const peer = new HttpPeer(server.port);
  for (const text of ["one", "two", "three"]) {
    peer.received = "";
    peer.send(`${head(text.length)}${text}`);
    assert.match(await peer.until(`${text}!`), /^HTTP\/1\.1 200 .*x-had: at once/s);
  }
  peer.received = "";
  peer.send(head(0));
  assert.match(await peer.until("\r\n\r\n!"), /x-had: at once/);
  peer.socket.destroy();
});

test("C6: http server: many bytes that came with a head have memory of their own", async () => {
  await using server = await serve(async (request) => {
    const read = await request.readWhole(100_000);
    const isOwn = read.length === read.buffer.byteLength;
    const body = Buffer.from(`${Buffer.from(read).toString("latin1").at(-1)}${isOwn}!`);
    return { status: 200, headers: [], body };
  });
  const peer = new HttpPeer(server.port);
  for (const last of ["x", "y"]) {
    peer.received = "";
    peer.send(`${head(20_000)}${"-".repeat(19_999)}${last}`);
    await peer.until(`${last}true!`);
  }
  peer.socket.destroy();
});

test("http server: a body that comes later, or once it is asked for, is read whole when it is there", async () => {
  let asked = Promise.withResolvers<void>();
  await using server = await serve(async (request) => {
    const read = request.readWhole(100);
    assert.ok(read instanceof Promise);
    asked.resolve();
    return { status: 200, headers: [], body: await read };
  });
  const peer = new HttpPeer(server.port);
  peer.send(`${head(8)}fi`);
  await asked.promise;
  peer.send("rst ");
  peer.send("ab");
  await peer.until("first ab");
  asked = Promise.withResolvers();
  peer.received = "";
  peer.send(head(6, "expect: 100-continue\r\n"));
  await peer.until("HTTP/1.1 100 Continue");
  peer.send("second");
  await peer.until("second");
  peer.socket.destroy();
});

test("http server: reading a body whole fails where the client leaves before its end", async () => {
  const asked = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<unknown>();
  await using server = await serve(async (request) => {
    const read = request.readWhole(100);
    asked.resolve();
    await Promise.resolve(read).catch(failed.resolve);
    return { status: 200, headers: [] };
  });
  const peer = new HttpPeer(server.port);
  peer.send(`${head(8)}fi`);
  await asked.promise;
  peer.socket.destroy();
  const error = await failed.promise;
  assert.ok(error instanceof BodyFault || isStoreError(error, "cancelled"), String(error));
});

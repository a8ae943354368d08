import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "node:tls";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { makeCertificate, noOpenssl } from "../testing/certificates.ts";
import { HttpPeer, serve } from "../testing/http-peer.ts";
import { Scratch } from "../testing/served-store.ts";

const handler: HttpHandler = () =>
  Promise.resolve({ status: 200, headers: [], body: encodeUtf8("served") });

test("wrong protocol: http to the port of https is answered with the reason, and logged once", async (context) => {
  if (noOpenssl !== false) return context.skip(noOpenssl);
  using scratch = new Scratch();
  const events: string[] = [];
  const log = (_level: string, event: string): void => void events.push(event);
  const tls = makeCertificate(scratch.path, "own");
  await using server = await serve(handler, {}, 2_000, { tls, log });
  for (let i = 0; i < 2; i++) {
    const peer = new HttpPeer(server.port);
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await peer.closed;
    assert.match(peer.received, /^HTTP\/1\.1 400 .*begins with https:\/\//s);
  }
  assert.deepEqual(events, ["http_sent_to_https_port"]);
});

test("wrong protocol: https to the port of http ends in an alert of TLS", async () => {
  const events: string[] = [];
  const log = (_level: string, event: string): void => void events.push(event);
  await using server = await serve(handler, {}, 2_000, { log });
  const code = await new Promise((resolve) => {
    const socket = connect({ port: server.port, host: "127.0.0.1" });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  assert.equal(code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  assert.deepEqual(events, ["https_sent_to_http_port"]);
});

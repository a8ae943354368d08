import assert from "node:assert/strict";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { connect } from "node:tls";
import { encodeUtf8 } from "../base/bytes.ts";
import type { HttpHandler } from "../platform/http.ts";
import { callServer } from "./server-call.ts";
import { makeCertificate, noOpenssl } from "./testing/certificates.ts";
import { serve } from "./testing/http-peer.ts";
import { Scratch, until } from "./testing/served-store.ts";
import { readTlsPair, tlsFilesOf } from "./tls-files.ts";

const skip = noOpenssl;

const handler: HttpHandler = (request) =>
  Promise.resolve({
    status: 200,
    headers: [],
    body: encodeUtf8(`secure: ${request.secure}`),
  });

/** The name in the certificate that the server shows now. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("tls: serves https from files, and a handler knows that it is secure", { skip }, async () => {
  using scratch = new Scratch();
  const tls = makeCertificate(scratch.path, "first");
  await using server = await serve(handler, {}, 2_000, { tls });
  const endpoint = `https://127.0.0.1:${server.port}`;
  const signal = AbortSignal.timeout(10_000);
  const own = readFileSync(tls.certPath, "utf8");
  const call = { method: "GET", target: "/", signal };
  assert.equal((await callServer(endpoint, { ...call, trust: { own } })).text, "secure: true");
  await assert.rejects(callServer(endpoint, { ...call, trust: {} }), /self-signed/);
  // An authority says whom to believe, not that every name is right.
  await assert.rejects(callServer(endpoint, { ...call, trust: { authorities: own } }), {
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
  });
  const other = readFileSync(makeCertificate(scratch.path, "other").certPath, "utf8");
  await assert.rejects(callServer(endpoint, { ...call, trust: { own: other } }), /self-signed/);
});

test(
  "tls: new files are used once they fit together; until then the old pair is",
  { skip },
  async () => {
    using scratch = new Scratch();
    const tls = makeCertificate(scratch.path, "first");
    const next = makeCertificate(scratch.path, "second");
    const events: string[] = [];
    const log = (_level: string, event: string): void => void events.push(event);
    await using server = await serve(handler, {}, 2_000, { tls, log, tlsReloadMs: 20 });
    assert.equal(await shown(server.port), "first");
    copyFileSync(next.certPath, tls.certPath);
    await until("the half is noticed", () => events.includes("tls_not_reloaded"));
    assert.equal(await shown(server.port), "first");
    renameSync(next.keyPath, tls.keyPath);
    await until("the whole is used", () => events.includes("tls_reloaded"));
    assert.equal(await shown(server.port), "second");
    writeFileSync(tls.certPath, "nonsense");
    await until("the fault is noticed", () => events.length === 3);
    assert.equal(await shown(server.port), "second");
    assert.deepEqual(events, ["tls_not_reloaded", "tls_reloaded", "tls_not_reloaded"]);
  },
);

test(
  "tls: who does not speak it, or breaks off the handshake, holds nothing",
  { skip },
  async () => {
    using scratch = new Scratch();
    const tls = makeCertificate(scratch.path, "first");
    await using server = await serve(handler, { headersMs: 200 }, 2_000, { tls });
    const { connect: connectPlain } = await import("node:net");
    const closed = (text: string): Promise<void> =>
      new Promise((resolve) => {
        const socket = connectPlain(server.port, "127.0.0.1", () => void socket.write(text));
        socket
          .resume()
          .on("error", () => undefined)
          .once("close", () => resolve());
      });
    await Promise.all([
      closed("GET / HTTP/1.1\r\nhost: h\r\n\r\n"),
      closed("\x16\x03\x01"),
      closed(""),
    ]);
    assert.equal(server.server.statistics().connections, 0);
    assert.equal(await shown(server.port), "first");
  },
);

test(
  "tls: files that cannot be used are refused with their names and what is wrong",
  { skip },
  () => {
    using scratch = new Scratch();
    const one = makeCertificate(scratch.path, "one");
    const two = makeCertificate(scratch.path, "two");
    assert.throws(() => tlsFilesOf(one.certPath, ""), { code: "invalid", message: /needs both/ });
    assert.equal(tlsFilesOf("", ""), undefined);
    assert.throws(
      () => readTlsPair({ ...one, keyPath: two.keyPath }),
      /--tls-cert .*one\.crt.*mismatch/,
    );
    assert.throws(() => readTlsPair({ ...one, keyPath: "/nowhere" }), /--tls-key: .*\/nowhere/);
    assert.throws(() => readTlsPair({ ...one, certPath: one.keyPath }), /not a certificate in PEM/);
  },
);

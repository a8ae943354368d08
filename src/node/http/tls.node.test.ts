import assert from "node:assert/strict";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { connect } from "node:tls";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { callServer } from "../client/server-call.ts";
import { makeCertificate, noOpenssl } from "../testing/certificates.ts";
import { serve } from "../testing/http-peer.ts";
import {
  childrenOf,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";
import { readTlsPair, tlsFilesOf } from "./tls.ts";

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
  "tls: files that are empty for a moment end nothing, not even a worker that starts just then",
  { skip: skip === false ? noProc : skip, timeout: 120_000 },
  async () => {
    using scratch = new Scratch();
    const tls = makeCertificate(scratch.path, "first");
    const next = makeCertificate(scratch.path, "second");
    const settings = ["--tls-cert", tls.certPath, "--tls-key", tls.keyPath];
    await using server = new ServedStore([scratch.directory("a")], settings);
    const { pid, port, endpoint } = await started(server);
    const before = childrenOf(pid);
    const own = readFileSync(tls.certPath, "utf8");
    const isReady = async (): Promise<boolean> => {
      const call = { method: "GET", target: "/-/health/live", signal: AbortSignal.timeout(10_000) };
      const { text } = await callServer(endpoint, { ...call, trust: { own } });
      return text === "live\n";
    };
    writeFileSync(tls.certPath, "");
    await until("the empty file is noticed", async () => {
      assert.ok(await isReady());
      return /is empty.*tls_not_reloaded/.test(server.output);
    });
    assert.deepEqual(childrenOf(pid), before);
    const [, frontEnd = 0] = before; // the background worker is the first
    process.kill(frontEnd, "SIGKILL");
    await until("a new front end serves", () => isReady().catch(() => false));
    assert.doesNotMatch(server.output, /worker_failed/);
    copyFileSync(next.certPath, tls.certPath);
    copyFileSync(next.keyPath, tls.keyPath);
    await until("the new pair is used", async () => (await shown(port)) === "second");
    assert.equal(await server.stop(), 0, server.output);
  },
);

test("tls: a failed or broken-off handshake holds no resources", { skip }, async () => {
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
});

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
      /--tls-key .*two\.key is not the key of the certificate/,
    );
    assert.throws(() => readTlsPair({ ...one, keyPath: "/nowhere" }), /--tls-key: .*\/nowhere/);
    assert.throws(() => readTlsPair({ ...one, certPath: one.keyPath }), /not a certificate in PEM/);
    const cut = `${scratch.path}/cut.pem`;
    const cases = [
      ["certPath", "", /--tls-cert .*cut\.pem is empty/],
      ["certPath", readFileSync(one.certPath, "utf8").slice(0, 300), /breaks off in a certificate/],
      ["certPath", readFileSync(one.certPath, "utf8").replace(/\nMI/, "\nXX"), /not a certificate/],
      ["keyPath", "", /--tls-key .*cut\.pem is empty/],
      [
        "keyPath",
        readFileSync(one.keyPath, "utf8").slice(0, 100),
        /not an unencrypted private key/,
      ],
    ] as const;
    for (const [which, text, message] of cases) {
      writeFileSync(cut, text);
      assert.throws(() => readTlsPair({ ...one, [which]: cut }), { code: "invalid", message });
    }
    const chain = readFileSync(one.certPath, "utf8") + readFileSync(two.certPath, "utf8");
    for (let length = chain.length - 2; length > chain.length - 400; length -= 80) {
      writeFileSync(cut, chain.slice(0, length));
      assert.throws(() => readTlsPair({ ...one, certPath: cut }), /breaks off in a certificate/);
    }
    writeFileSync(cut, chain);
    assert.equal(readTlsPair({ ...one, certPath: cut }).cert, chain);
  },
);

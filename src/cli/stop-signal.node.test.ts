import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { signedHeaders } from "../node/client/signed-headers.ts";
import { HttpPeer } from "../node/testing/http-peer.ts";
import {
  connectionTo,
  identityOf,
  isGone,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";

/**
 * One that cannot run Holdfast itself, so that bin/holdfast.js starts another and stays its parent.
 */
const olderNode = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "node"))
  .find((path) => existsSync(path) && majorOf(path) < 26);

function majorOf(node: string): number {
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)/.exec(stdout)?.[1] ?? Number.NaN);
}

const skip = noProc === false ? olderNode === undefined && "needs an older Node as well" : noProc;

test(
  "stop: a signal to the whole group of processes lets an upload under way finish",
  { skip, timeout: 120_000 },
  async () => {
    using scratch = new Scratch();
    const directory = scratch.directory("a");
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      await using server = new ServedStore([directory], [], { node: olderNode, detached: true });
      const launcher = must(server.child.pid, "it was started");
      const ready = await started(server);
      assert.notEqual(ready.pid, launcher);
      await connectionTo(ready).send("PUT", "/bucket");
      const body = Buffer.alloc(100_000, "b");
      const call = { method: "PUT", target: `/bucket/${signal}`, body };
      const { host } = new URL(ready.endpoint);
      const headers = signedHeaders(host, identityOf(ready), {
        ...call,
        headers: [
          ["content-length", String(body.length)],
          ["expect", "100-continue"],
        ],
      });
      const peer = new HttpPeer(ready.port);
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
      peer.send(`PUT ${call.target} HTTP/1.1\r\n${lines.join("")}\r\n`);
      await peer.until("100 Continue");
      peer.send(body.toString("latin1", 0, 50_000));
      process.kill(-launcher, signal);
      await until("it stops", () => server.output.includes('"event":"stopping"'));
      await until("no new connection is taken", () =>
        fetch(ready.endpoint).then(
          () => false,
          () => true,
        ),
      );
      peer.send(body.toString("latin1", 50_000));
      await peer.closed;
      assert.match(peer.received, /HTTP\/1\.1 200 /);
      assert.equal(await server.ended, 0, server.output);
      assert.match(server.output, /"event":"stopped"/);
      assert.ok(isGone(ready.pid));
    }
  },
);

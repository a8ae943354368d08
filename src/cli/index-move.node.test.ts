// The index leaves its disk while a real server is written to.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ShownDisk } from "../admin/disk-pages.ts";
import { must } from "../base/assert.ts";
import { readIdentity } from "../extent/data-directories.ts";
import { openDisk } from "../node/disk/disk.ts";
import { runHoldfast } from "../node/testing/run-holdfast.ts";
import type { S3Connection } from "../node/testing/s3-connection.ts";
import {
  childrenOf,
  connectionTo,
  noProc,
  type ReadyEvent,
  Scratch,
  ServedStore,
  started,
  until,
} from "../node/testing/served-store.ts";
import { commandsIn } from "./testing/commands-in.ts";

const bodyOf = (key: string): string => `${key};`.repeat(500);

/**
 * Clients that write keys, read them back, and delete some, until they are stopped. A request that
 * is not answered is sent again, as clients of S3 do; what is answered wrongly is a failure.
 */
class Clients {
  readonly #connections = new Set<S3Connection>();
  readonly #held = new Set<string>();
  readonly #deleted = new Set<string>();
  readonly #wrong: string[] = [];
  #s3: S3Connection;
  #isStopped = false;
  readonly #ended: Promise<unknown>;

  constructor(ready: ReadyEvent) {
    this.#s3 = this.connect(ready);
    this.#ended = Promise.all([1, 2].map((client) => this.#work(client)));
  }

  get count(): number {
    return this.#held.size + this.#deleted.size;
  }

  /** The server is another one from now on. */
  connect(ready: ReadyEvent): S3Connection {
    this.#s3 = connectionTo(ready);
    this.#connections.add(this.#s3);
    return this.#s3;
  }

  /** A disk as the server shows it; undefined where it has none there, or does not answer. */
  async disk(directory: string): Promise<ShownDisk | undefined> {
    try {
      const { body } = await this.#s3.send("GET", "/-/disks");
      const { disks } = JSON.parse(body.toString()) as { disks: ShownDisk[] }; // our own output
      return disks.find((disk) => disk.directory === directory);
    } catch {
      return undefined; // the processes are started anew
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
    for (const s3 of this.#connections) s3.close();
    assert.deepEqual(this.#wrong, []);
  }

  /** All that was answered for is there, and all that was deleted is not. */
  async assertHeld(s3: S3Connection): Promise<void> {
    for (const key of this.#held) {
      const { status, body } = await s3.send("GET", `/bucket/${key}`);
      assert.equal(status, 200, `${key}: ${body.toString()}`);
      assert.equal(body.toString(), bodyOf(key));
    }
    for (const key of this.#deleted) {
      assert.equal((await s3.send("GET", `/bucket/${key}`)).status, 404, key);
    }
  }

  async #work(client: number): Promise<void> {
    for (let i = 0; !this.#isStopped; i++) {
      const key = `${client}-${i}`;
      if (!(await this.#answered("PUT", key, [200]))) return;
      this.#held.add(key);
      await this.#answered("GET", key, [200]);
      await sleep(10); // the machine has other work
      if (i % 5 !== 0) continue;
      this.#held.delete(key); // until it is answered it may be there or not
      if (await this.#answered("DELETE", key, [204])) this.#deleted.add(key);
    }
  }

  /** Sends a request until it is answered; false where the clients were stopped before. */
  async #answered(method: string, key: string, wanted: readonly number[]): Promise<boolean> {
    while (!this.#isStopped) {
      const options = method === "PUT" ? { body: bodyOf(key) } : {};
      try {
        const { status, body } = await this.#s3.send(method, `/bucket/${key}`, options);
        if (wanted.includes(status)) return true;
        if (status !== 503) this.#wrong.push(`${method} ${key}: ${status} ${body.toString()}`);
      } catch {
        // the processes are started anew
      }
      await sleep(20);
    }
    return false;
  }
}

async function isHome(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  return (await readIdentity(openDisk(path)))?.holdsIndex === true;
}

async function homeAmong(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isHome(path)) return path;
  return undefined;
}

/** Once a command succeeds; it fails while the processes are started anew. */
async function eventually(what: string, command: () => Promise<unknown>): Promise<void> {
  await until(what, async () => {
    try {
      await command();
      return true;
    } catch {
      return false;
    }
  });
}

test(
  "C1, C9: disk drain: the index leaves its disk while clients write, also after kill -9 in the middle, and the disk is removed",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const names = ["a", "b", "c", "d"];
    const paths = names.map((name) => scratch.directory(name));
    const [a = "", ...others] = paths;
    const { done, refused } = commandsIn(scratch.path);
    let clients: Clients;
    {
      await using server = new ServedStore(paths, ["--seal-after", "1s"]);
      const ready = await started(server);
      const s3 = connectionTo(ready);
      assert.equal((await s3.send("PUT", "/bucket")).status, 200);
      s3.close();
      clients = new Clients(ready);
      await until("clients write", () => clients.count > 100);
      await refused(/holds the index: empty it first/, "disk", "remove", "a", "--force");
      assert.match(await done("disk", "drain", "a"), /and the index moves to another disk/);
      await until("it moves", () => server.output.includes("index_move_began"));
      for (const pid of [ready.pid, ...childrenOf(ready.pid)]) process.kill(pid, "SIGKILL");
      await server.ended;
    }
    {
      await using server = new ServedStore(paths, ["--seal-after", "1s"]);
      clients.connect(await started(server));
      await until("the index is elsewhere", async () => (await homeAmong(others)) !== undefined);
      const before = clients.count;
      await until("clients write on", () => clients.count > before + 100);
      await until("its disk is empty", async () => (await clients.disk(a))?.extents === 0);
      await eventually("it is removed", () => done("disk", "remove", "a"));
      await clients.stop();
      assert.equal(await server.stop(), 0, server.output);
    }
    assert.equal(await isHome(a), false);
    assert.ok(!existsSync(join(a, "index")));
    const data = ["--data", others.join()];
    const checked = await runHoldfast("check", ...data);
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
    assert.match(checked.stdout, /No problems/);
    await using server = new ServedStore(others);
    const s3 = connectionTo(await started(server));
    await clients.assertHeld(s3);
    s3.close();
    assert.equal(await server.stop(), 0, server.output);
  },
);

test("C9: disk replace: the disk of the index is replaced, while it is well and when it is dead", async () => {
  using scratch = new Scratch();
  const [a = "", b = "", c = "", d = "", e = ""] = ["a", "b", "c", "d", "e"].map((name) =>
    scratch.directory(name),
  );
  for (const path of [d, e]) mkdirSync(path);
  const { done, refused } = commandsIn(scratch.path);
  await using server = new ServedStore([a, b, c], ["--seal-after", "1s"]);
  const ready = await started(server);
  const s3 = connectionTo(ready);
  assert.equal((await s3.send("PUT", "/bucket")).status, 200);
  s3.close();
  const clients = new Clients(ready);
  const isUsed = async (path: string): Promise<boolean> =>
    ((await clients.disk(path))?.extents ?? 0) > 0;
  await until("its disk has extents", () => isUsed(a));
  await refused(/it is still there, so empty it instead/, "disk", "replace", "a", "d");
  const replaced = await done("disk", "replace", "a", "d", "--force");
  assert.match(replaced, /\/d takes the place of .*the index moves to another disk, and .*removed/);
  await until("the index is elsewhere", () => server.output.includes("index_home_changed"));
  await until("it is removed", () => /"disk":"[^"]*\/a",.*"removed"/.test(server.output));
  assert.ok(!(await isHome(a)));
  const home = must(await homeAmong([b, c, d]), "a home");
  renameSync(home, scratch.directory("dead"));
  await until("the index is made again elsewhere", async () => {
    return (await homeAmong([b, c, d])) !== undefined;
  });
  await eventually("the dead one is replaced", () => done("disk", "replace", home, "e"));
  await until("the new one is used", () => isUsed(e));
  await clients.stop();
  const s4 = connectionTo(ready);
  await clients.assertHeld(s4);
  s4.close();
  assert.equal(await server.stop(), 0, server.output);
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import {
  decodeProcessList,
  encodeProcessList,
  processListFile,
} from "../../format/data-directory.ts";
import { createClock } from "../platform/clock.ts";
import { readProcess } from "../platform/process-table.ts";
import {
  childrenOf,
  connectionTo,
  isGone,
  noProc,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";
import { endOrphanedWorkers } from "../store/worker-list.ts";

test(
  "serve: workers that were stopped when their supervisor was killed do not keep the next one from the port",
  { skip: noProc, timeout: 120_000 },
  async () => {
    using scratch = new Scratch();
    const directory = scratch.directory("a");
    await using first = new ServedStore([directory], ["--workers", "2"]);
    const ready = await started(first);
    assert.equal((await connectionTo(ready).send("PUT", "/bucket")).status, 200);
    const workers = childrenOf(ready.pid);
    for (const pid of workers) process.kill(pid, "SIGSTOP");
    process.kill(ready.pid, "SIGKILL");
    await until("the supervisor is gone", () => isGone(ready.pid));
    await using second = new ServedStore([directory], ["--listen", `127.0.0.1:${ready.port}`]);
    const again = await started(second);
    assert.equal(again.port, ready.port);
    const isOver = (pid: number): boolean => (readProcess(pid)?.state ?? "Z") === "Z";
    assert.ok(workers.every(isOver));
    assert.match(second.output, /"event":"left_worker_killed"/);
    const put = await connectionTo(again).send("PUT", "/bucket/key", { body: "x" });
    assert.equal(put.status, 200);
    assert.equal(await second.stop(), 0, second.output);
    const stopped = decodeProcessList(readFileSync(`${directory}/${processListFile}`, "utf8"));
    assert.deepEqual(stopped?.processes, []);
  },
);

test(
  "C1: serve: workers that were left are ended, too, where the disk of the index is lost with its list",
  { skip: noProc, timeout: 120_000 },
  async () => {
    using scratch = new Scratch();
    const paths = ["a", "b", "c"].map((name) => scratch.directory(name));
    const [a = ""] = paths;
    await using first = new ServedStore(paths);
    const ready = await started(first);
    const workers = childrenOf(ready.pid);
    for (const pid of workers) process.kill(pid, "SIGSTOP");
    process.kill(ready.pid, "SIGKILL");
    await until("the supervisor is gone", () => isGone(ready.pid));
    renameSync(a, scratch.directory("away"));
    await using second = new ServedStore(paths.slice(1));
    await started(second);
    assert.equal(second.output.match(/"event":"left_worker_killed"/g)?.length, workers.length);
    assert.match(second.output, /index_home_changed/);
    assert.equal(await second.stop(), 0, second.output);
  },
);

test(
  "C9: a process is ended only where it is the one that was listed",
  { skip: noProc },
  async () => {
    using scratch = new Scratch();
    const directory = scratch.directory("a");
    await using server = new ServedStore([directory]);
    await started(server);
    const text = readFileSync(`${directory}/${processListFile}`, "utf8");
    const { machine } = must(decodeProcessList(text), "a list");
    const stranger = spawn("sleep", ["600"]);
    const pid = must(stranger.pid, "it was started");
    const startTicks = must(readProcess(pid), "it runs").startTicks;
    const platform = { clock: createClock(), log: () => undefined };
    const other = scratch.directory("b");
    mkdirSync(other);
    const end = async (list: string): Promise<void> => {
      writeFileSync(`${other}/${processListFile}`, list);
      await endOrphanedWorkers(other, platform);
    };
    await endOrphanedWorkers(scratch.directory("c"), platform);
    await end(encodeProcessList({ machine, processes: [{ pid, startTicks: startTicks - 1 }] }));
    await end(encodeProcessList({ machine: "another", processes: [{ pid, startTicks }] }));
    await end("what is this");
    assert.equal(readProcess(pid)?.startTicks, startTicks);
    assert.equal(stranger.signalCode, null);
    const ended = new Promise((resolve) =>
      stranger.once("exit", (_code, signal) => resolve(signal)),
    );
    await end(encodeProcessList({ machine, processes: [{ pid, startTicks }] }));
    assert.equal(await ended, "SIGKILL");
  },
);

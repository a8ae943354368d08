import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiskId } from "../format/ids.ts";
import { idOfText } from "../format/ids.ts";
import { type Disk, isDiskError } from "../platform/disk.ts";
import { DiskObservations, hangingMs } from "./observed-disk.ts";
import { isPending, ManualClock, settle } from "./testing/manual-clock.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

const largeBytes = 1024 * 1024;

/** Two observed disks, of which the second hangs when asked to; the first answers all the time. */
class TwoDisks implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly observations = new DiskObservations(this.clock);
  readonly #stop = new AbortController();
  readonly #running = this.observations.run(this.#stop.signal);
  readonly #hanging = new MemoryDisk("/hanging");
  readonly #answering = new MemoryDisk("/answering");
  readonly id = idOfText<DiskId>("b".repeat(32));
  readonly disk = this.observations.observe(this.id, this.#hanging);
  readonly other = this.observations.observe(idOfText<DiskId>("a".repeat(32)), this.#answering);
  #answer = Promise.withResolvers<void>();

  get memory(): MemoryDisk {
    return this.#hanging;
  }

  hang({ also }: { readonly also?: "the other" } = {}): void {
    const waits = (): Promise<void> => this.#answer.promise;
    this.#hanging.before = waits;
    if (also !== undefined) this.#answering.before = waits;
  }

  async answer(): Promise<void> {
    this.#answer.resolve();
    this.#answer = Promise.withResolvers();
    for (const disk of [this.#hanging, this.#answering]) disk.before = () => undefined;
    await settle();
  }

  /** The other disk is asked something each second, as in a store that is served. */
  async pass(ms: number): Promise<void> {
    for (const endMs = this.clock.monotonicMs() + ms; this.clock.monotonicMs() < endMs;) {
      const asking = this.other.list("");
      await Promise.race([asking, settle()]);
      asking.catch(() => undefined);
      await this.clock.advance(1000);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.answer();
    this.#stop.abort();
    await this.#running;
  }
}

const hangs = (error: unknown): boolean => isDiskError(error, "no_answer");

async function makeFile(disk: Disk, bytes: number): Promise<void> {
  const file = await disk.open("file", "create");
  await file.write([new Uint8Array(bytes).fill(1)], 0);
  await file.close();
}

test("observed disk: one that hangs fails at once what is asked of it, until it has answered", async () => {
  await using disks = new TwoDisks();
  const { disk, other } = disks;
  await makeFile(disk, 100);
  disks.hang();
  const opening = disk.open("file", "read");
  const failed = assert.rejects(opening, hangs);
  await disks.pass(hangingMs - 1000);
  assert.ok(await isPending(opening), "a disk may stall");
  await disks.pass(3000);
  await failed;
  await assert.rejects(disk.list(""), (error: Error) => {
    assert.match(error.message, /^\/hanging: no answer for 1\d seconds$/);
    return hangs(error);
  });
  assert.equal(disks.memory.count("list"), 0, "it is not even asked");
  assert.deepEqual(await other.list(""), []);
  assert.ok((disks.observations.countsOf(disks.id)?.waitingMs ?? 0) >= hangingMs);

  await disks.answer();
  assert.deepEqual(await disk.list(""), ["file"]);
  assert.equal(disks.memory.filesOpen, 0, "the file that was opened late is closed");
  assert.equal(disks.observations.countsOf(disks.id)?.waitingMs, 0);
  assert.equal(disks.observations.countsOf(disks.id)?.errors, 0);
});

test("observed disk: neither a machine nor a process that stands still is a disk's fault", async () => {
  await using disks = new TwoDisks();
  const { disk, clock } = disks;
  disks.hang({ also: "the other" });
  const first = disk.list("");
  await disks.pass(3 * hangingMs);
  assert.ok(await isPending(first), "no disk answers");
  await disks.answer();
  assert.deepEqual(await first, []);

  disks.hang();
  const second = disk.list("");
  await disks.other.list("");
  clock.stop(3 * hangingMs);
  await disks.other.list("");
  disks.observations.look();
  assert.ok(await isPending(second), "the process stood still, and its answers are under way");
  await disks.answer();
  disks.observations.look();
  assert.deepEqual(await second, []);
});

test("observed disk: a late answer comes into no memory that its caller uses again", async () => {
  await using disks = new TwoDisks();
  const { disk } = disks;
  await makeFile(disk, largeBytes);
  const file = await disk.open("file", "write");
  disks.hang();
  const [small, large] = [new Uint8Array(100), new Uint8Array(largeBytes)];
  const failed = assert.rejects(file.read(small, 0), hangs);
  const reading = file.read(large, 0);
  await disks.pass(hangingMs + 2000);
  await failed;
  assert.ok(await isPending(reading), "its memory is the caller's");
  await disks.answer();
  assert.equal(await reading, largeBytes);
  assert.ok(small.every((byte) => byte === 0));
  await file.close();
});

test("C9: observed disk: a file stays open until a write that was given up has ended", async () => {
  await using disks = new TwoDisks();
  const { disk } = disks;
  const file = await disk.open("file", "create");
  disks.hang();
  const bytes = Uint8Array.of(1, 2, 3);
  const failed = assert.rejects(file.write([bytes], 0), hangs);
  await disks.pass(hangingMs + 2000);
  await failed;
  bytes.fill(9);
  await file.close();
  assert.equal(disks.memory.filesOpen, 1);
  await disks.answer();
  assert.equal(disks.memory.filesOpen, 0);
  assert.deepEqual(disks.memory.bytesOf("file"), Uint8Array.of(1, 2, 3));
});

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { createLocalMembers, testMembers } from "../extent/member.suite.ts";
import { createHash } from "../node/platform/hash.ts";
import type { Disk } from "../platform/disk.ts";
import { isDiskError } from "../platform/disk.ts";
import { SimDisk } from "./disk.ts";
import { SimProcess } from "./process.ts";
import { SeededRandom } from "../platform/seeded-random.ts";
import { Scheduler } from "./scheduler.ts";

interface Machine {
  readonly disk: SimDisk;
  readonly view: Disk;
  run<T>(work: Promise<T>): Promise<T>;
  restart(): Disk;
  crash(): Disk;
}

function machine(seed: number, capacityBytes = 1 << 20): Machine {
  const random = new SeededRandom(seed);
  const scheduler = new Scheduler(() => setImmediate());
  const disk = new SimDisk({ name: "d1", random: random.fork(), capacityBytes, stallShare: 0 });
  let process = new SimProcess("p", scheduler, random.fork());
  const restart = () => {
    process.kill();
    process = new SimProcess("p", scheduler, random.fork());
    return disk.view(process);
  };
  return {
    disk,
    view: disk.view(process),
    async run(work) {
      let over = false;
      const settled = () => {
        over = true;
      };
      work.then(settled, settled);
      assert.equal(await scheduler.runUntil(() => over, Number.POSITIVE_INFINITY), true);
      return work;
    },
    restart,
    crash() {
      process.kill();
      disk.crash();
      return restart();
    },
  };
}

async function put(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, "create");
  await file.write([bytes], 0);
  await file.sync();
  await disk.syncDirectory("");
  await file.close();
}

async function get(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, "read");
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

/** What a scenario ends in, over many seeds. */
async function outcomes(scenario: (seed: number) => Promise<string>): Promise<Set<string>> {
  const out = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) out.add(await scenario(seed));
  return out;
}

test("simulated disk: what was synced, with its name, survives every power cut", async () => {
  const bytes = new SeededRandom(7).bytes(10_000);
  const seen = await outcomes(async (seed) => {
    const m = machine(seed);
    await m.run(put(m.view, "a", bytes));
    return String(Buffer.compare(await m.run(get(m.crash(), "a")), bytes));
  });
  assert.deepEqual([...seen], ["0"]);
});

test("simulated disk: a name whose directory was not synced is kept or lost", async () => {
  const seen = await outcomes(async (seed) => {
    const m = machine(seed);
    const work = async () => {
      const file = await m.view.open("a", "create");
      await file.write([new Uint8Array(10)], 0);
      await file.sync();
    };
    await m.run(work());
    const after = m.crash();
    return (await m.run(after.list(""))).join();
  });
  assert.deepEqual([...seen].sort(), ["", "a"]);
});

test("simulated disk: bytes that were not synced are kept, lost or torn at sectors", async () => {
  const old = new Uint8Array(8192).fill(1);
  const seen = await outcomes(async (seed) => {
    const m = machine(seed);
    const work = async () => {
      await put(m.view, "a", old);
      const file = await m.view.open("a", "write");
      await file.write([new Uint8Array(8192).fill(2)], 0);
    };
    await m.run(work());
    const bytes = await m.run(get(m.crash(), "a"));
    assert.equal(bytes.length, 8192);
    for (let at = 0; at < bytes.length; at += 512) {
      assert.equal(new Set(bytes.subarray(at, at + 512)).size, 1);
    }
    const values = new Set(bytes);
    return values.size === 2 ? "torn" : values.has(2) ? "kept" : "lost";
  });
  assert.deepEqual([...seen].sort(), ["kept", "lost", "torn"]);
});

test("simulated disk: after a failed sync the next succeeds without the bytes", async () => {
  const seen = await outcomes(async (seed) => {
    const m = machine(seed);
    const work = async () => {
      await put(m.view, "a", new Uint8Array(4096).fill(1));
      const file = await m.view.open("a", "write");
      await file.write([new Uint8Array(4096).fill(2)], 0);
      m.disk.syncsInDoubt = 1;
      const failed = await file.sync().then(
        () => false,
        (error: unknown) => isDiskError(error, "io"),
      );
      await file.sync();
      assert.equal((await get(m.view, "a"))[0], 2);
      return failed;
    };
    const failed = await m.run(work());
    const bytes = await m.run(get(m.crash(), "a"));
    return `${failed ? "failed" : "synced"}, ${bytes.includes(1) ? "lost" : "kept"}`;
  });
  assert.deepEqual([...seen].sort(), ["failed, kept", "failed, lost", "synced, kept"]);
});

test("simulated disk: a removed file comes back unless its directory was synced", async () => {
  const seen = await outcomes(async (seed) => {
    const m = machine(seed);
    await m.run(put(m.view, "a", new Uint8Array(10)));
    await m.run(m.view.remove("a"));
    return (await m.run(m.crash().list(""))).join();
  });
  assert.deepEqual([...seen].sort(), ["", "a"]);
});

test("simulated disk: writes past its capacity fail with `full`, and work once space is free", async () => {
  const m = machine(1, 6000);
  await m.run(put(m.view, "a", new Uint8Array(4000)));
  const work = async () => {
    const file = await m.view.open("b", "create");
    await assert.rejects(file.write([new Uint8Array(4000)], 0), (e) => isDiskError(e, "full"));
    await m.view.remove("a");
    await file.write([new Uint8Array(4000)], 0);
  };
  await m.run(work());
});

test("simulated disk: out of order it says so, and works again afterwards", async () => {
  const m = machine(1);
  await m.run(put(m.view, "a", new Uint8Array(4)));
  m.disk.outOfOrder = "readOnly";
  await assert.rejects(m.run(m.view.open("b", "create")), (e) => isDiskError(e, "read_only"));
  assert.equal((await m.run(get(m.view, "a"))).length, 4);
  m.disk.outOfOrder = "vanished";
  await assert.rejects(m.run(m.view.list("")), (error) => isDiskError(error, "missing"));
  m.disk.outOfOrder = undefined;
  assert.deepEqual(await m.run(m.view.list("")), ["a"]);
});

test("simulated disk: a bad sector cannot be read until all of it is written anew, also in parts", async () => {
  const m = machine(1);
  const bytes = new Uint8Array(10_000).fill(7);
  await m.run(put(m.view, "a", bytes));
  m.disk.files().get("a")!.spoil(5000);
  const work = async () => {
    const file = await m.view.open("a", "write");
    const fails = (offset: number, length: number) =>
      assert.rejects(file.read(new Uint8Array(length), offset), (e) => isDiskError(e, "io"));
    await fails(0, 10_000);
    await fails(4096, 1);
    await fails(8191, 1);
    assert.equal(await file.read(new Uint8Array(4096), 0), 4096);
    assert.equal(await file.read(new Uint8Array(4096), 8192), 1808);
    await file.write([bytes.subarray(0, 2048)], 4096);
    await fails(4096, 4096);
    assert.equal(await file.read(new Uint8Array(2048), 4096), 2048);
    await file.write([bytes.subarray(0, 2048)], 6144);
    const found = new Uint8Array(10_000);
    await file.read(found, 0);
    assert.deepEqual(found, bytes);
  };
  await m.run(work());
});

test("simulated disk: a killed process is not answered, and what it had begun happened or not", async () => {
  const seen = await outcomes(async (seed) => {
    const m = machine(seed);
    await m.run(put(m.view, "a", new Uint8Array(10)));
    let answered = false;
    void m.view.remove("a").then(() => {
      answered = true;
    });
    const names = await m.run(m.restart().list(""));
    assert.equal(answered, false);
    return names.join();
  });
  assert.deepEqual([...seen].sort(), ["", "a"]);
});

testMembers("on a simulated disk", createLocalMembers(createHash()), (work) => {
  const simulated = machine(1);
  return simulated.run(work(simulated.view));
});

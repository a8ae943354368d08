import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, settle } from "../../extent/testing/manual-clock.ts";
import { type DiskId, idBytes, idOfBytes } from "../../format/ids.ts";
import { HomeWatch } from "./home-watch.ts";
import type { StoreDirectory } from "./store-location.ts";

const directories = ["/home", "/b", "/c"].map((path, i): StoreDirectory => {
  return { path, disk: idOfBytes<DiskId>(new Uint8Array(idBytes).fill(i)) };
});
/** A watch of these disks, of which some hang, and what it found. */
class Watched {
  readonly clock = new ManualClock();
  readonly hanging = new Set<string>();
  readonly stop = new AbortController();
  found: string | undefined = "nothing";
  readonly logged: string[] = [];
  mayTakeOver = true;
  #answers: (() => void)[] = [];

  constructor() {
    const watch = new HomeWatch({
      platform: { clock: this.clock, log: (_level, event) => void this.logged.push(event) },
      mayTakeOver: () => this.mayTakeOver,
      directories: () => directories,
      answers: ({ path }) => this.#answer(path),
    });
    void watch.untilHanging(this.stop.signal).then((found) => (this.found = found));
  }

  answer(): void {
    this.hanging.clear();
    for (const answer of this.#answers.splice(0)) answer();
  }

  #answer(path: string): Promise<true> {
    if (!this.hanging.has(path)) return Promise.resolve(true);
    return new Promise((resolve) => this.#answers.push(() => resolve(true)));
  }
}

test("C8: home watch: the disk of the index is found to hang after 10 s in which others answer", async () => {
  const watched = new Watched();
  await watched.clock.advance(30_000);
  assert.equal(watched.found, "nothing");
  watched.hanging.add("/home").add("/b");
  await watched.clock.advance(9_000);
  assert.equal(watched.found, "nothing");
  await watched.clock.advance(4_000);
  assert.match(watched.found ?? "", /no answer for 10 seconds/);
});

test("home watch: where no disk answers the machine stands still, and the index stays", async () => {
  const watched = new Watched();
  for (const { path } of directories) watched.hanging.add(path);
  await watched.clock.advance(60_000);
  assert.equal(watched.found, "nothing");
  watched.answer();
  await watched.clock.advance(60_000);
  assert.equal(watched.found, "nothing");
});

test("home watch: a disk that is late and answers does not hang, nor do other disks count", async () => {
  const watched = new Watched();
  watched.hanging.add("/home");
  await watched.clock.advance(9_000);
  watched.answer();
  watched.hanging.add("/b");
  await watched.clock.advance(60_000);
  assert.equal(watched.found, "nothing");
  watched.stop.abort();
  await settle();
  assert.equal(watched.found, undefined);
});

test("home watch: while nothing can take the index over it is logged once, and the disk waited for", async () => {
  const watched = new Watched();
  watched.mayTakeOver = false;
  watched.hanging.add("/home");
  await watched.clock.advance(60_000);
  assert.deepEqual([watched.found, watched.logged], ["nothing", ["index_disk_hangs"]]);
});

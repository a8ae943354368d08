import { readFileSync } from "node:fs";
import { must } from "../../base/assert.ts";
import { instantiateKernel, type KernelExports, type KernelMemory } from "./kernel-memory.ts";

interface Md5Exports extends KernelExports {
  statesStart(): number;
  placesStart(): number;
  hashOne(blocks: number): void;
  hashFour(blocks: number): void;
}

const lanes = 4;
const blockBytes = 64;
/**
 * @limit Hashed at once of each body, 0.6 ms of four: then whatever came meanwhile has its turn.
 */
const stepBlocks = (256 * 1024) / blockBytes;

/**
 * @limit How long bytes wait for those of other bodies that are being sent: 1 MiB comes within this
 * at 20 MB/s …
 */
export const gatherMsMax = 50;
/** @limit … and as many bytes of a body at most: a chunk, as others are received meanwhile. */
const gatherBytesMax = 4 * 1024 * 1024;

/** The work left for a body, in order. */
type Work =
  | { readonly kind: "bytes"; bytes: Uint8Array; readonly done: () => void }
  | { readonly kind: "digest"; readonly done: (digest: Uint8Array) => void };

/** When the lanes go on. */
export interface Md5Schedule {
  /** Calls it once other messages were received. */
  readonly soon: (step: () => void) => void;
  /** Calls it after `gatherMsMax`. */
  readonly late: (step: () => void) => void;
}

/**
 * MD5 of the bodies of a process, four at a time where so many are under way: one alone leaves most
 * of a core idle (kernels/md5.as.ts). It is done in steps, and more bodies may come between two of
 * them. While other bodies are open, bytes wait a little for theirs.
 */
export class Md5Lanes {
  readonly #memory: KernelMemory;
  readonly #kernel: Md5Exports;
  /** The states of all lanes, word after word. */
  readonly #states: Uint32Array;
  readonly #places: Uint32Array;
  readonly #schedule: Md5Schedule;
  /** Bodies with something to do, who waited longest first. */
  readonly #waiting: Md5Body[] = [];
  #open = 0;
  #isStepDue = false;
  #isTimed = false;

  constructor(memory: KernelMemory, schedule: Md5Schedule) {
    const wasm = readFileSync(new URL("kernels/md5.wasm", import.meta.url));
    this.#memory = memory;
    this.#schedule = schedule;
    this.#kernel = instantiateKernel<Md5Exports>(memory, wasm);
    this.#states = memory.words(this.#kernel.statesStart(), 4 * lanes);
    this.#places = memory.words(this.#kernel.placesStart(), lanes);
  }

  open(): Md5Body {
    this.#open++;
    return new Md5Body({
      memory: this.#memory,
      hash: (body, at, blocks) => this.#hash([{ body, at }], blocks),
      begin: (body) => void this.#waiting.push(body),
      goOn: () => this.#goOn(),
      close: () => {
        this.#open--;
        this.#goOn();
      },
    });
  }

  #goOn(): void {
    if (this.#isStepDue || this.#waiting.length === 0) return;
    if (!this.#othersMayCome()) {
      this.#isStepDue = true;
      this.#schedule.soon(this.#step);
    } else if (!this.#isTimed) {
      this.#isTimed = true;
      this.#schedule.late(this.#waitNoLonger);
    }
  }

  /** True if lanes are free for bodies that are open, and nobody waits for what is here. */
  #othersMayCome(): boolean {
    const bodies = Math.min(lanes, this.#open);
    return this.#waiting.length < bodies && !this.#waiting.some((body) => body.isLate);
  }

  readonly #waitNoLonger = (): void => {
    this.#isTimed = false;
    for (const body of this.#waiting) body.hurry();
    this.#goOn();
  };

  readonly #step = (): void => {
    this.#isStepDue = false;
    this.#hashSome();
    this.#goOn();
  };

  /** A little of up to four bodies. */
  #hashSome(): void {
    const ready: { readonly body: Md5Body; readonly at: number }[] = [];
    let blocks = stepBlocks;
    for (const body of this.#waiting.splice(0, lanes)) {
      const blocksAhead = body.prepare();
      if (blocksAhead === 0) continue;
      ready.push({ body, at: body.place });
      blocks = Math.min(blocks, blocksAhead);
    }
    if (ready.length === 0) return;
    this.#hash(ready, blocks);
    for (const { body } of ready) {
      body.advance(blocks);
      this.#waiting.push(body);
    }
  }

  #hash(ready: readonly { readonly body: Md5Body; readonly at: number }[], blocks: number): void {
    const [states, places] = [this.#states, this.#places];
    for (let lane = 0; lane < lanes; lane++) {
      // A lane without a body does what the first does, and nobody looks at it.
      const { body, at } = ready[lane] ?? ready[0]!;
      places[lane] = at;
      for (let word = 0; word < 4; word++) states[word * lanes + lane] = body.words[word]!;
    }
    if (ready.length === 1) this.#kernel.hashOne(blocks);
    else this.#kernel.hashFour(blocks);
    for (const [lane, { body }] of ready.entries()) {
      for (let word = 0; word < 4; word++) body.words[word] = states[word * lanes + lane]!;
    }
  }
}

interface Md5BodyOptions {
  readonly memory: KernelMemory;
  /** Hashes blocks of this body alone, at once. */
  readonly hash: (body: Md5Body, at: number, blocks: number) => void;
  /** The body has something to do, where it had nothing. */
  readonly begin: (body: Md5Body) => void;
  /** There is more to do, or less to wait for. */
  readonly goOn: () => void;
  readonly close: () => void;
}

/** The MD5 of one body. What is asked of it is done in order, in steps of its lanes. */
export class Md5Body {
  /** The state, as RFC 1321 begins. */
  readonly words = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  readonly #options: Md5BodyOptions;
  readonly #work: Work[] = [];
  #bytes = 0;
  /** All there is to do waits for no others. */
  #isHurried = false;
  /** Bytes that do not fill a block. */
  readonly #tail = new Uint8Array(blockBytes);
  #tailBytes = 0;

  constructor(options: Md5BodyOptions) {
    this.#options = options;
  }

  /** Calls `done` when the bytes are no longer needed. */
  update(bytes: Uint8Array, done: () => void): void {
    this.#bytes += bytes.length;
    this.#add({ kind: "bytes", bytes, done });
  }

  digest(done: (digest: Uint8Array) => void): void {
    this.#isHurried = true;
    this.#add({ kind: "digest", done });
  }

  /** No more comes of it; what was asked for is still done. To be called once. */
  close(): void {
    this.#options.close();
  }

  /** What there is to do has waited long enough. */
  hurry(): void {
    this.#isHurried = true;
  }

  /** True if its bytes wait for no others. */
  get isLate(): boolean {
    if (this.#isHurried) return true;
    let bytes = 0;
    for (const work of this.#work) if (work.kind === "bytes") bytes += work.bytes.length;
    return bytes >= gatherBytesMax;
  }

  #add(work: Work): void {
    if (this.#work.push(work) === 1) this.#options.begin(this);
    this.#options.goOn();
  }

  /**
   * Does what is not done in lanes, up to the next blocks that are; how many lie ahead in one
   * place.
   */
  prepare(): number {
    for (let work = this.#work[0]; work !== undefined; work = this.#work[0]) {
      if (work.kind === "digest") this.#finish(work.done);
      else if (this.#takeAlone(work)) return Math.floor(work.bytes.length / blockBytes);
      this.#work.shift();
    }
    this.#isHurried = false;
    return 0;
  }

  /** Where the blocks ahead begin. */
  get place(): number {
    return this.#options.memory.lay(this.#bytesAhead.bytes);
  }

  /** Called when this many blocks were hashed. */
  advance(blocks: number): void {
    const work = this.#bytesAhead;
    work.bytes = work.bytes.subarray(blocks * blockBytes);
  }

  get #bytesAhead(): Extract<Work, { kind: "bytes" }> {
    const [work] = this.#work;
    return must(work?.kind === "bytes" ? work : undefined, "bytes are to be hashed");
  }

  /** True if blocks are left for lanes; if not, all is done. */
  #takeAlone(work: Extract<Work, { kind: "bytes" }>): boolean {
    const { memory, hash } = this.#options;
    if (this.#tailBytes > 0) work.bytes = this.#fillTail(work.bytes);
    if (memory.placeOf(work.bytes) === undefined) {
      memory.each(work.bytes, (at, length) => hash(this, at, Math.floor(length / blockBytes)));
      work.bytes = work.bytes.subarray(work.bytes.length - (work.bytes.length % blockBytes));
    }
    if (work.bytes.length >= blockBytes) return true;
    this.#fillTail(work.bytes);
    work.done();
    return false;
  }

  /**
   * Adds to the bytes that do not fill a block, and hashes it once they do; the bytes behind it.
   */
  #fillTail(bytes: Uint8Array): Uint8Array {
    const some = bytes.subarray(0, blockBytes - this.#tailBytes);
    this.#tail.set(some, this.#tailBytes);
    this.#tailBytes += some.length;
    if (this.#tailBytes === blockBytes) this.#hashTail();
    return bytes.subarray(some.length);
  }

  #hashTail(): void {
    this.#options.hash(this, this.#options.memory.lay(this.#tail), 1);
    this.#tailBytes = 0;
  }

  /** A one, zeros, and the count of bits at the end of a block. */
  #finish(done: (digest: Uint8Array) => void): void {
    const tail = this.#tail;
    const used = this.#tailBytes;
    tail.fill(0, used);
    tail[used] = 0x80;
    if (used >= blockBytes - 8) {
      this.#hashTail();
      tail.fill(0);
    }
    new DataView(tail.buffer).setBigUint64(blockBytes - 8, BigInt(this.#bytes) * 8n, true);
    this.#hashTail();
    const digest = new Uint8Array(16);
    const out = new DataView(digest.buffer);
    for (const [index, word] of this.words.entries()) out.setUint32(4 * index, word, true);
    done(digest);
  }
}

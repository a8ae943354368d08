/*
 * The contents of objects: a block of noise that is made once from the seed, repeated, and begun at
 * a place that depends on key and size. So any piece of any object can be sent without a copy and
 * compared at the speed of memory. The block's length is a prime: bytes that come from another
 * object, or from another place of the same one, do not match.
 */

const blockBytes = 1_048_573;

export class Content {
  /** Twice, so that a whole block can be taken from any place. */
  readonly #noise: Buffer;

  constructor(seed: number) {
    const words = new Uint32Array(Math.ceil(blockBytes / 4));
    let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
    for (const i of words.keys()) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    const block = Buffer.from(words.buffer, 0, blockBytes);
    this.#noise = Buffer.concat([block, block]);
  }

  /** The bytes of an object from one offset on. They must not be changed. */
  *pieces(key: string, size: number, offset = 0, length = size - offset): Generator<Buffer> {
    let at = (startOf(key, size) + offset) % blockBytes;
    for (let left = length; left > 0;) {
      const take = Math.min(left, blockBytes);
      yield this.#noise.subarray(at, at + take);
      at = (at + take) % blockBytes;
      left -= take;
    }
  }

  /** Compares pieces of an object as they come in. */
  comparison(key: string, size: number, offset = 0): Comparison {
    return new Comparison(this.#noise, startOf(key, size) + offset);
  }
}

export class Comparison {
  readonly #noise: Buffer;
  #at: number;
  #same = true;

  constructor(noise: Buffer, at: number) {
    this.#noise = noise;
    this.#at = at % blockBytes;
  }

  /** All bytes so far were the right ones. */
  get same(): boolean {
    return this.#same;
  }

  push(piece: Buffer): void {
    for (let done = 0; done < piece.length;) {
      const take = Math.min(piece.length - done, blockBytes);
      const order = this.#noise.compare(piece, done, done + take, this.#at, this.#at + take);
      if (order !== 0) this.#same = false;
      this.#at = (this.#at + take) % blockBytes;
      done += take;
    }
  }
}

function startOf(key: string, size: number): number {
  return hashOf(`${key} ${size}`) % blockBytes;
}

/** FNV-1a with a last stir: cheap, and spread well enough for places and choices. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

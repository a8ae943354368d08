// CRC-32C and CRC-64/NVME at memory speed, and the combination of any reflected CRC.
// AssemblyScript: built into crc.wasm by tools/build-kernels.ts.
//
// "Slicing by 16": sixteen bytes are folded per step, each looked up in a table of its own, so that
// the lookups do not wait for each other (Kounavis & Berry, "A Systematic Approach to Building High
// Performance, Software-based, CRC Generators", 2005). WebAssembly has no carry-less
// multiplication, which would be faster.
//
// Each thread has an instance, and all of them one memory: so an instance is given a place of its
// own for its tables, and bytes are read where they are. The CRC's state is passed in and out as it
// stands inside the register (inverted), so that calls follow one another.

const tables32Size: usize = 16 * 256 * 4;
const tables64Size: usize = 16 * 256 * 8;
let tables32: usize = 0;
let tables64: usize = 0;

const polynomial32c: u32 = 0x82f63b78;
const polynomial64: u64 = 0x9a6c9329ac4bc9b5;

/**
 * From here on CRC-64 goes through both halves at the same time and joins their states: each step
 * waits for the one before, so that the processor has time for a second chain (0.40 s/GB instead of
 * 0.55; three and four chains take longer again).
 */
const halfBytesMin: usize = 16 * 1024;
let powerBytes: usize = 0;
let power: u64 = 0;

export function ownBytes(): usize {
  return tables32Size + tables64Size;
}

/** To be called once, before anything else. */
export function begin(own: usize): void {
  tables32 = own;
  tables64 = own + tables32Size;
  fillTables<u32>(tables32, polynomial32c);
  fillTables<u64>(tables64, polynomial64);
}

export function crc32c(state: u32, start: usize, length: usize): u32 {
  const tables = tables32;
  let at = start;
  const end = start + length;
  for (; at + 16 <= end; at += 16) {
    const a = load<u32>(at) ^ state;
    const b = load<u32>(at, 4);
    const c = load<u32>(at, 8);
    const d = load<u32>(at, 12);
    state =
      fold32(tables, a, 12) ^ fold32(tables, b, 8) ^ fold32(tables, c, 4) ^ fold32(tables, d, 0);
  }
  for (; at < end; at++) {
    state = look<u32>(tables, 0, (state ^ load<u8>(at)) & 0xff) ^ (state >> 8);
  }
  return state;
}

export function crc64nvme(state: u64, start: usize, length: usize): u64 {
  const tables = tables64;
  let at = start;
  const end = start + length;
  const half: usize = (length / 2) & ~15;
  if (half >= halfBytesMin) {
    let second: u64 = 0;
    for (const stop = at + half; at < stop; at += 16) {
      state = step64(tables, state, at);
      second = step64(tables, second, at + half);
    }
    at += half;
    state = multiply<u64>(power64(half), state, polynomial64) ^ second;
  }
  for (; at + 16 <= end; at += 16) state = step64(tables, state, at);
  for (; at < end; at++) {
    state = look<u64>(tables, 0, (<u32>state ^ load<u8>(at)) & 0xff) ^ (state >> 8);
  }
  return state;
}

/**
 * The CRC of two strings one after the other. `polynomial` is reflected; `bytes` the length of the
 * second.
 */
export function combine32(polynomial: u32, first: u32, second: u32, bytes: f64): u32 {
  return combine<u32>(polynomial, first, second, <u64>bytes);
}

export function combine64(first: u64, second: u64, bytes: f64): u64 {
  return combine<u64>(polynomial64, first, second, <u64>bytes);
}

// Appending n bytes multiplies the first CRC by x^(8n) modulo P (Adler, zlib's crc32_combine); the
// power takes one squaring per bit of n. Inversion before and after cancels out.
function combine<T>(polynomial: T, first: T, second: T, bytes: u64): T {
  return multiply<T>(powerOf<T>(polynomial, bytes), first, polynomial) ^ second;
}

/** x^(8n) modulo P. */
function powerOf<T>(polynomial: T, bytes: u64): T {
  const one: T = (<T>1) << <T>(sizeof<T>() * 8 - 1);
  let power: T = one;
  let square: T = one >> <T>8;
  for (let rest = bytes; rest != 0; rest >>= 1) {
    if (rest & 1) power = multiply<T>(power, square, polynomial);
    square = multiply<T>(square, square, polynomial);
  }
  return power;
}

/** The product of two polynomials modulo P; reflected, so the highest bit is x^0. */
function multiply<T>(a: T, b: T, polynomial: T): T {
  let product: T = 0;
  for (let bit: T = (<T>1) << <T>(sizeof<T>() * 8 - 1); bit != 0; bit >>= <T>1) {
    if (a & bit) product ^= b;
    b = b & 1 ? (b >> <T>1) ^ polynomial : b >> <T>1;
  }
  return product;
}

@inline
function step64(tables: usize, state: u64, at: usize): u64 {
  return fold64(tables, load<u64>(at) ^ state, 8) ^ fold64(tables, load<u64>(at, 8), 0);
}

/** The factor for the state of the first half, by the half's length; mostly the same as before. */
function power64(bytes: usize): u64 {
  if (bytes != powerBytes) {
    powerBytes = bytes;
    power = powerOf<u64>(polynomial64, <u64>bytes);
  }
  return power;
}

@inline
function fold32(tables: usize, word: u32, following: usize): u32 {
  return (
    look<u32>(tables, following + 3, word & 0xff) ^
    look<u32>(tables, following + 2, (word >> 8) & 0xff) ^
    look<u32>(tables, following + 1, (word >> 16) & 0xff) ^
    look<u32>(tables, following, word >> 24)
  );
}

@inline
function fold64(tables: usize, word: u64, following: usize): u64 {
  return (
    look<u64>(tables, following + 7, <u32>word & 0xff) ^
    look<u64>(tables, following + 6, <u32>(word >> 8) & 0xff) ^
    look<u64>(tables, following + 5, <u32>(word >> 16) & 0xff) ^
    look<u64>(tables, following + 4, <u32>(word >> 24) & 0xff) ^
    look<u64>(tables, following + 3, <u32>(word >> 32) & 0xff) ^
    look<u64>(tables, following + 2, <u32>(word >> 40) & 0xff) ^
    look<u64>(tables, following + 1, <u32>(word >> 48) & 0xff) ^
    look<u64>(tables, following, <u32>(word >> 56))
  );
}

/** Table `following` holds each byte's effect on the state once that many bytes came after it. */
@inline
function look<T>(tables: usize, following: usize, byte: u32): T {
  return load<T>(tables + following * 256 * sizeof<T>() + (<usize>byte) * sizeof<T>());
}

function fillTables<T>(tables: usize, polynomial: T): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let state = <T>byte;
    for (let bit = 0; bit < 8; bit++) {
      state = state & 1 ? (state >> <T>1) ^ polynomial : state >> <T>1;
    }
    store<T>(tables + (<usize>byte) * sizeof<T>(), state);
  }
  for (let entry: usize = 256; entry < 16 * 256; entry++) {
    const before = load<T>(tables + (entry - 256) * sizeof<T>());
    const state = look<T>(tables, 0, <u32>before & 0xff) ^ (before >> <T>8);
    store<T>(tables + entry * sizeof<T>(), state);
  }
}

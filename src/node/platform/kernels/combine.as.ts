// Linear combinations of byte strings over GF(256), for erasure codes: each output is the sum of
// all inputs, each times a coefficient. What it computes is in src/erasure; this is how it is
// quick. AssemblyScript: built into combine.wasm by tools/build-kernels.ts.
//
// A product of a byte by a coefficient is the sum of the products of its two halves, and a half has
// sixteen values: so two tables of sixteen bytes multiply sixteen bytes at once, each by a shuffle
// (Plank, Greenan & Miller, "Screaming fast Galois field arithmetic using Intel SIMD instructions",
// FAST 2013). The shuffle is the relaxed one, which is one instruction and the same everywhere for
// places below 16; WebAssembly's strict one takes two, and the whole 1.4 times as long.
//
// Up to four outputs are computed in one pass over the inputs, thirty-two bytes of all of them at a
// time: their sums stay in registers, and each input is split into halves once for all four. For
// more outputs the inputs are read again while they are near.
//
// RS(10,4) is encoded at 8 GB/s of data where that is in the cache, at 6 from memory; one lost shard
// is decoded at 17 and 10 GB/s of the shards read, at 51 and 17 where it is their sum (Node 26.10,
// one core, November 2026).
//
// Each thread has an instance, and all of them one memory, in which inputs and outputs are read and
// written where they are.

const shardsMax: usize = 255;
/** The most coefficients of as many outputs and inputs together. */
const coefficientsMax: usize = 127 * 128;
const rowsAtOnce: usize = 4;

const tableSize: usize = 32;
const tablesSize: usize = 256 * tableSize;
const stagedSize: usize = shardsMax * rowsAtOnce * tableSize;
const placesSize: usize = shardsMax * 4;
/** So much of each input is combined for all outputs before the next: ten inputs fit the cache. */
const stripSize: usize = 16 * 1024;

/** The products of each coefficient: with 0 to 15, then with 16 times these. */
let tables: usize = 0;
/** Tables of the rows that are computed now: those of the first input, of the second, … */
let staged: usize = 0;
let inputPlaces: usize = 0;
let outputPlaces: usize = 0;
let coefficients: usize = 0;

export function ownBytes(): usize {
  return tablesSize + stagedSize + 2 * placesSize + coefficientsMax;
}

/** Must be called once, before anything else. */
export function begin(own: usize): void {
  tables = own;
  staged = tables + tablesSize;
  inputPlaces = staged + stagedSize;
  outputPlaces = inputPlaces + placesSize;
  coefficients = outputPlaces + placesSize;
  for (let coefficient: usize = 0; coefficient < 256; coefficient++) {
    const table = tables + coefficient * tableSize;
    for (let half: usize = 0; half < 16; half++) {
      store<u8>(table + half, <u8>multiply(coefficient, half));
      store<u8>(table + half, <u8>multiply(coefficient, half << 4), 16);
    }
  }
}

function multiply(a: usize, b: usize): usize {
  let product: usize = 0;
  for (; b != 0; b >>= 1) {
    if (b & 1) product ^= a;
    a <<= 1;
    if (a & 0x100) a ^= 0x11d;
  }
  return product;
}

/** Where the caller writes where each input begins, four bytes each. */
export function inputsStart(): usize {
  return inputPlaces;
}

/** The same of the outputs. */
export function outputsStart(): usize {
  return outputPlaces;
}

/** Where the caller writes the coefficients: those of the first output, of the second, … */
export function coefficientsStart(): usize {
  return coefficients;
}

export function combine(outputs: usize, inputs: usize, length: usize): void {
  if (outputs == 1 && isSum(inputs)) return sum(inputs, length);
  for (let at: usize = 0; at < length; at += stripSize) {
    const end = min<usize>(at + stripSize, length);
    for (let first: usize = 0; first < outputs; first += rowsAtOnce) {
      const rows = min<usize>(rowsAtOnce, outputs - first);
      stage(first, rows, inputs);
      const places = outputPlaces + first * 4;
      if (rows == 1) combineRows(1, places, inputs, at, end);
      else if (rows == 2) combineRows(2, places, inputs, at, end);
      else if (rows == 3) combineRows(3, places, inputs, at, end);
      else combineRows(4, places, inputs, at, end);
    }
  }
}

function stage(first: usize, rows: usize, inputs: usize): void {
  let target = staged;
  for (let input: usize = 0; input < inputs; input++) {
    for (let row: usize = first; row < first + rows; row++) {
      const table = tables + <usize>load<u8>(coefficients + row * inputs + input) * tableSize;
      v128.store(target, v128.load(table));
      v128.store(target, v128.load(table, 16), 16);
      target += tableSize;
    }
  }
}

/** `rows` is a constant, so that what is for more rows is not there. */
@inline
function combineRows(rows: usize, places: usize, inputs: usize, at: usize, end: usize): void {
  const half = i8x16.splat(15);
  const placesEnd = inputPlaces + inputs * 4;
  for (; at + 32 <= end; at += 32) {
    let a0 = i64x2.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    let table = staged;
    for (let place = inputPlaces; place < placesEnd; place += 4) {
      const input = <usize>load<u32>(place) + at;
      const in0 = v128.load(input);
      const in1 = v128.load(input, 16);
      const low0 = v128.and(in0, half);
      const low1 = v128.and(in1, half);
      const high0 = v128.and(i16x8.shr_u(in0, 4), half);
      const high1 = v128.and(i16x8.shr_u(in1, 4), half);
      a0 = v128.xor(a0, product(table, low0, high0));
      a1 = v128.xor(a1, product(table, low1, high1));
      if (rows > 1) {
        b0 = v128.xor(b0, product(table + 32, low0, high0));
        b1 = v128.xor(b1, product(table + 32, low1, high1));
      }
      if (rows > 2) {
        c0 = v128.xor(c0, product(table + 64, low0, high0));
        c1 = v128.xor(c1, product(table + 64, low1, high1));
      }
      if (rows > 3) {
        d0 = v128.xor(d0, product(table + 96, low0, high0));
        d1 = v128.xor(d1, product(table + 96, low1, high1));
      }
      table += rows * tableSize;
    }
    storeOutput(places, at, a0, a1);
    if (rows > 1) storeOutput(places + 4, at, b0, b1);
    if (rows > 2) storeOutput(places + 8, at, c0, c1);
    if (rows > 3) storeOutput(places + 12, at, d0, d1);
  }
  for (; at < end; at++) {
    for (let row: usize = 0; row < rows; row++) {
      store<u8>(<usize>load<u32>(places + row * 4) + at, combineByte(rows, row, inputs, at));
    }
  }
}

@inline
function product(table: usize, low: v128, high: v128): v128 {
  const ofLow = i8x16.relaxed_swizzle(v128.load(table), low);
  const ofHigh = i8x16.relaxed_swizzle(v128.load(table, 16), high);
  return v128.xor(ofLow, ofHigh);
}

@inline
function storeOutput(place: usize, at: usize, bytes0: v128, bytes1: v128): void {
  const output = <usize>load<u32>(place) + at;
  v128.store(output, bytes0);
  v128.store(output, bytes1, 16);
}

function combineByte(rows: usize, row: usize, inputs: usize, at: usize): u8 {
  let sum: u8 = 0;
  for (let input: usize = 0; input < inputs; input++) {
    const byte = load<u8>(<usize>load<u32>(inputPlaces + input * 4) + at);
    const table = staged + (input * rows + row) * tableSize;
    sum ^= load<u8>(table + (byte & 15)) ^ load<u8>(table + (byte >> 4), 16);
  }
  return sum;
}

function isSum(inputs: usize): bool {
  for (let input: usize = 0; input < inputs; input++) {
    if (load<u8>(coefficients + input) != 1) return false;
  }
  return true;
}

/** The first output, where all its coefficients are 1. */
function sum(inputs: usize, length: usize): void {
  const output = <usize>load<u32>(outputPlaces);
  const placesEnd = inputPlaces + inputs * 4;
  let at: usize = 0;
  for (; at + 64 <= length; at += 64) {
    let a = i64x2.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let place = inputPlaces; place < placesEnd; place += 4) {
      const input = <usize>load<u32>(place) + at;
      a = v128.xor(a, v128.load(input));
      b = v128.xor(b, v128.load(input, 16));
      c = v128.xor(c, v128.load(input, 32));
      d = v128.xor(d, v128.load(input, 48));
    }
    v128.store(output + at, a);
    v128.store(output + at, b, 16);
    v128.store(output + at, c, 32);
    v128.store(output + at, d, 48);
  }
  for (; at < length; at++) {
    let byte: u8 = 0;
    for (let place = inputPlaces; place < placesEnd; place += 4) {
      byte ^= load<u8>(<usize>load<u32>(place) + at);
    }
    store<u8>(output + at, byte);
  }
}

// MD5 (RFC 1321) of one body, or of four at once. AssemblyScript: built into md5.wasm by
// tools/build-kernels.ts.
//
// Each step of MD5 waits for the one before, so that a processor is idle for most of it, and the
// bytes of one body can't be taken in another order. But those of four bodies fit into the lanes of
// one vector: 0.43 s/GB where one alone takes 1.35, and OpenSSL's assembly 1.28 (Node 26.10, one of
// two shared cores, November 2026). Two bodies so cost what four do, and less than one after the
// other. Eight lanes took 0.39 where four took 0.55, but cost what eight bodies cost also where
// there are four.
//
// Each thread has an instance, and all of them one memory: so an instance is given a place of its
// own, where its caller puts the lanes' states and places.

/**
 * Four words of state, each of all four lanes; the place of each lane's bytes; a block of each,
 * word by word.
 */
const statesSize: usize = 64;
const placesSize: usize = 16;
const wordsSize: usize = 256;
/**
 * The constant of each step, in each lane of a vector: read from here it costs a load, where V8
 * makes a vector of a constant anew in several instructions each time.
 */
const constantsSize: usize = 64 * 16;
const blockSize: usize = 64;

let states: usize = 0;
let places: usize = 0;
let transposed: usize = 0;
let constants: usize = 0;

export function ownBytes(): usize {
  return statesSize + placesSize + wordsSize + constantsSize;
}

/** Must be called once, before anything else. */
export function begin(own: usize): void {
  states = own;
  places = own + statesSize;
  transposed = places + placesSize;
  constants = transposed + wordsSize;
  putConstants(0, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee);
  putConstants(4, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501);
  putConstants(8, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be);
  putConstants(12, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821);
  putConstants(16, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa);
  putConstants(20, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8);
  putConstants(24, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed);
  putConstants(28, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a);
  putConstants(32, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c);
  putConstants(36, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70);
  putConstants(40, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05);
  putConstants(44, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665);
  putConstants(48, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039);
  putConstants(52, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1);
  putConstants(56, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1);
  putConstants(60, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391);
}

function putConstants(step: usize, one: u32, two: u32, three: u32, four: u32): void {
  const at = constants + step * 16;
  v128.store(at, i32x4.splat(one));
  v128.store(at, i32x4.splat(two), 16);
  v128.store(at, i32x4.splat(three), 32);
  v128.store(at, i32x4.splat(four), 48);
}

/** The words a, b, c and d of a lane begin 16 bytes after each other. */
export function statesStart(): usize {
  return states;
}

export function placesStart(): usize {
  return places;
}

/** Blocks of the first lane alone. */
export function hashOne(blocks: i32): void {
  hash<u32>(blocks);
}

/** Hashes the same number of blocks of each lane. */
export function hashFour(blocks: i32): void {
  hash<v128>(blocks);
}

function hash<T>(blocks: i32): void {
  let one: usize = load<u32>(places);
  let two: usize = load<u32>(places, 4);
  let three: usize = load<u32>(places, 8);
  let four: usize = load<u32>(places, 12);
  let a = load<T>(states);
  let b = load<T>(states, 16);
  let c = load<T>(states, 32);
  let d = load<T>(states, 48);
  const into = transposed;
  const table = constants;
  for (let rest = blocks; rest > 0; rest--) {
    let words = one;
    if (isVector<T>()) {
      for (let at: usize = 0; at < blockSize; at += 16) {
        transpose(
          v128.load(one + at),
          v128.load(two + at),
          v128.load(three + at),
          v128.load(four + at),
          into + at * 4,
        );
      }
      words = into;
      two += blockSize;
      three += blockSize;
      four += blockSize;
    }
    one += blockSize;
    const beforeA = a;
    const beforeB = b;
    const beforeC = c;
    const beforeD = d;

    a = step<T>(a, b, first<T>(b, c, d), words, 0, table, 0, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 1, table, 1, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 2, table, 2, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 3, table, 3, 22);
    a = step<T>(a, b, first<T>(b, c, d), words, 4, table, 4, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 5, table, 5, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 6, table, 6, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 7, table, 7, 22);
    a = step<T>(a, b, first<T>(b, c, d), words, 8, table, 8, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 9, table, 9, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 10, table, 10, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 11, table, 11, 22);
    a = step<T>(a, b, first<T>(b, c, d), words, 12, table, 12, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 13, table, 13, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 14, table, 14, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 15, table, 15, 22);

    a = step<T>(a, b, second<T>(b, c, d), words, 1, table, 16, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 6, table, 17, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 11, table, 18, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 0, table, 19, 20);
    a = step<T>(a, b, second<T>(b, c, d), words, 5, table, 20, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 10, table, 21, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 15, table, 22, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 4, table, 23, 20);
    a = step<T>(a, b, second<T>(b, c, d), words, 9, table, 24, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 14, table, 25, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 3, table, 26, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 8, table, 27, 20);
    a = step<T>(a, b, second<T>(b, c, d), words, 13, table, 28, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 2, table, 29, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 7, table, 30, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 12, table, 31, 20);

    a = step<T>(a, b, third<T>(b, c, d), words, 5, table, 32, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 8, table, 33, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 11, table, 34, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 14, table, 35, 23);
    a = step<T>(a, b, third<T>(b, c, d), words, 1, table, 36, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 4, table, 37, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 7, table, 38, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 10, table, 39, 23);
    a = step<T>(a, b, third<T>(b, c, d), words, 13, table, 40, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 0, table, 41, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 3, table, 42, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 6, table, 43, 23);
    a = step<T>(a, b, third<T>(b, c, d), words, 9, table, 44, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 12, table, 45, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 15, table, 46, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 2, table, 47, 23);

    a = step<T>(a, b, fourth<T>(b, c, d), words, 0, table, 48, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 7, table, 49, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 14, table, 50, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 5, table, 51, 21);
    a = step<T>(a, b, fourth<T>(b, c, d), words, 12, table, 52, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 3, table, 53, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 10, table, 54, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 1, table, 55, 21);
    a = step<T>(a, b, fourth<T>(b, c, d), words, 8, table, 56, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 15, table, 57, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 6, table, 58, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 13, table, 59, 21);
    a = step<T>(a, b, fourth<T>(b, c, d), words, 4, table, 60, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 11, table, 61, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 2, table, 62, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 9, table, 63, 21);

    a = sum<T>(a, beforeA);
    b = sum<T>(b, beforeB);
    c = sum<T>(c, beforeC);
    d = sum<T>(d, beforeD);
  }
  store<T>(states, a);
  store<T>(states, b, 16);
  store<T>(states, c, 32);
  store<T>(states, d, 48);
}

/** Four words of each lane become four vectors of a word of all. */
@inline
function transpose(one: v128, two: v128, three: v128, four: v128, into: usize): void {
  const low = v128.shuffle<i32>(one, two, 0, 4, 1, 5);
  const high = v128.shuffle<i32>(one, two, 2, 6, 3, 7);
  const low2 = v128.shuffle<i32>(three, four, 0, 4, 1, 5);
  const high2 = v128.shuffle<i32>(three, four, 2, 6, 3, 7);
  v128.store(into, v128.shuffle<i64>(low, low2, 0, 2));
  v128.store(into, v128.shuffle<i64>(low, low2, 1, 3), 16);
  v128.store(into, v128.shuffle<i64>(high, high2, 0, 2), 32);
  v128.store(into, v128.shuffle<i64>(high, high2, 1, 3), 48);
}

@inline
function step<T>(
  a: T,
  b: T,
  mixed: T,
  words: usize,
  word: usize,
  table: usize,
  index: usize,
  turn: i32,
): T {
  const input = load<T>(words + word * sizeof<T>());
  const constant = load<T>(table + index * 16);
  if (isVector<T>()) {
    const all = i32x4.add(i32x4.add(a, i32x4.add(input, constant)), mixed);
    return i32x4.add(b, v128.or(i32x4.shl(all, turn), i32x4.shr_u(all, 32 - turn)));
  } else {
    return b + rotl<u32>(a + (input + constant) + mixed, turn);
  }
}

@inline
function sum<T>(a: T, b: T): T {
  if (isVector<T>()) return i32x4.add(a, b);
  else return a + b;
}

// The four functions of MD5: b chooses between c and d; d chooses between b and c; parity; c
// against b or not d.

@inline
function first<T>(b: T, c: T, d: T): T {
  if (isVector<T>()) return v128.bitselect(c, d, b);
  else return d ^ (b & (c ^ d));
}

@inline
function second<T>(b: T, c: T, d: T): T {
  if (isVector<T>()) return v128.bitselect(b, c, d);
  else return (~d & c) + (d & b);
}

@inline
function third<T>(b: T, c: T, d: T): T {
  if (isVector<T>()) return v128.xor(b, v128.xor(c, d));
  else return b ^ (c ^ d);
}

@inline
function fourth<T>(b: T, c: T, d: T): T {
  if (isVector<T>()) return v128.xor(c, v128.or(b, v128.not(d)));
  else return c ^ (b | ~d);
}

// MD5 (RFC 1321) of one body, or of four at once. AssemblyScript: built into md5.wasm by
// tools/build-kernels.ts.
//
// Each step of MD5 waits for the one before, so that a processor is idle for most of it, and the
// bytes of one body can't be taken in another order. But those of four bodies fit into the lanes of
// one vector: 0.55 s/GB where one alone takes 1.56, and OpenSSL's assembly 1.54 (Node 26.10, one of
// two shared cores, November 2026). Eight lanes take 0.39, but cost what eight bodies cost also
// where there are four.
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
const blockSize: usize = 64;

let states: usize = 0;
let places: usize = 0;
let transposed: usize = 0;

export function ownBytes(): usize {
  return statesSize + placesSize + wordsSize;
}

/** To be called once, before anything else. */
export function begin(own: usize): void {
  states = own;
  places = own + statesSize;
  transposed = places + placesSize;
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

    a = step<T>(a, b, first<T>(b, c, d), words, 0, 0xd76aa478, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 1, 0xe8c7b756, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 2, 0x242070db, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 3, 0xc1bdceee, 22);
    a = step<T>(a, b, first<T>(b, c, d), words, 4, 0xf57c0faf, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 5, 0x4787c62a, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 6, 0xa8304613, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 7, 0xfd469501, 22);
    a = step<T>(a, b, first<T>(b, c, d), words, 8, 0x698098d8, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 9, 0x8b44f7af, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 10, 0xffff5bb1, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 11, 0x895cd7be, 22);
    a = step<T>(a, b, first<T>(b, c, d), words, 12, 0x6b901122, 7);
    d = step<T>(d, a, first<T>(a, b, c), words, 13, 0xfd987193, 12);
    c = step<T>(c, d, first<T>(d, a, b), words, 14, 0xa679438e, 17);
    b = step<T>(b, c, first<T>(c, d, a), words, 15, 0x49b40821, 22);

    a = step<T>(a, b, second<T>(b, c, d), words, 1, 0xf61e2562, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 6, 0xc040b340, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 11, 0x265e5a51, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 0, 0xe9b6c7aa, 20);
    a = step<T>(a, b, second<T>(b, c, d), words, 5, 0xd62f105d, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 10, 0x02441453, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 15, 0xd8a1e681, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 4, 0xe7d3fbc8, 20);
    a = step<T>(a, b, second<T>(b, c, d), words, 9, 0x21e1cde6, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 14, 0xc33707d6, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 3, 0xf4d50d87, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 8, 0x455a14ed, 20);
    a = step<T>(a, b, second<T>(b, c, d), words, 13, 0xa9e3e905, 5);
    d = step<T>(d, a, second<T>(a, b, c), words, 2, 0xfcefa3f8, 9);
    c = step<T>(c, d, second<T>(d, a, b), words, 7, 0x676f02d9, 14);
    b = step<T>(b, c, second<T>(c, d, a), words, 12, 0x8d2a4c8a, 20);

    a = step<T>(a, b, third<T>(b, c, d), words, 5, 0xfffa3942, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 8, 0x8771f681, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 11, 0x6d9d6122, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 14, 0xfde5380c, 23);
    a = step<T>(a, b, third<T>(b, c, d), words, 1, 0xa4beea44, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 4, 0x4bdecfa9, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 7, 0xf6bb4b60, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 10, 0xbebfbc70, 23);
    a = step<T>(a, b, third<T>(b, c, d), words, 13, 0x289b7ec6, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 0, 0xeaa127fa, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 3, 0xd4ef3085, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 6, 0x04881d05, 23);
    a = step<T>(a, b, third<T>(b, c, d), words, 9, 0xd9d4d039, 4);
    d = step<T>(d, a, third<T>(a, b, c), words, 12, 0xe6db99e5, 11);
    c = step<T>(c, d, third<T>(d, a, b), words, 15, 0x1fa27cf8, 16);
    b = step<T>(b, c, third<T>(c, d, a), words, 2, 0xc4ac5665, 23);

    a = step<T>(a, b, fourth<T>(b, c, d), words, 0, 0xf4292244, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 7, 0x432aff97, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 14, 0xab9423a7, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 5, 0xfc93a039, 21);
    a = step<T>(a, b, fourth<T>(b, c, d), words, 12, 0x655b59c3, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 3, 0x8f0ccc92, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 10, 0xffeff47d, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 1, 0x85845dd1, 21);
    a = step<T>(a, b, fourth<T>(b, c, d), words, 8, 0x6fa87e4f, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 15, 0xfe2ce6e0, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 6, 0xa3014314, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 13, 0x4e0811a1, 21);
    a = step<T>(a, b, fourth<T>(b, c, d), words, 4, 0xf7537e82, 6);
    d = step<T>(d, a, fourth<T>(a, b, c), words, 11, 0xbd3af235, 10);
    c = step<T>(c, d, fourth<T>(d, a, b), words, 2, 0x2ad7d2bb, 15);
    b = step<T>(b, c, fourth<T>(c, d, a), words, 9, 0xeb86d391, 21);

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
function step<T>(a: T, b: T, mixed: T, words: usize, word: i32, constant: u32, turn: i32): T {
  const input = load<T>(words + word * sizeof<T>());
  if (isVector<T>()) {
    const all = i32x4.add(i32x4.add(a, i32x4.add(input, i32x4.splat(constant))), mixed);
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

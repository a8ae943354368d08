// XXH3, 64 and 128 bits, with seed 0 and the default secret, by its specification
// (doc/xxhash_spec.md of github.com/Cyan4973/xxHash). AssemblyScript: built into xxh3.wasm by
// tools/build-kernels.ts.
//
// Called as xxh64.as.ts is: bytes in the window, `update`, and the caller keeps the state between
// calls; but a block, of which only a short value is wanted, is read where it is. The last stripe
// of the input is treated apart, and inputs of up to 240 bytes are another algorithm altogether; so
// up to 240 bytes are kept as they come, and from then on the last 64, of which the newest were not
// used yet.
//
// 64 MiB in one go: 4.5 to 5.7 GB/s, XXH64 2.6 to 4.0, where MD5 comes to 0.4 (Node 26.10, two
// shared cores, November 2026).

const windowSize: i32 = 64 * 1024;
const stripe: i32 = 64;
const stripesPerBlock: i32 = 16;
const shortMax: i32 = 240;

const prime32_1: u64 = 0x9e3779b1;
const prime32_2: u64 = 0x85ebca77;
const prime32_3: u64 = 0xc2b2ae3d;
const prime1: u64 = 0x9e3779b185ebca87;
const prime2: u64 = 0xc2b2ae3d27d4eb4f;
const prime3: u64 = 0x165667b19e3779f9;
const prime4: u64 = 0x85ebca77c2b2ae63;
const prime5: u64 = 0x27d4eb2f165667c5;
const mix1: u64 = 0x165667919e3779f9;
const mix2: u64 = 0x9fb21c651e98df25;

/** Bytes kept of earlier calls are laid in front of the window, so that all is in one piece. */
const lead: usize = 256;
let window: usize = 0;

// The state: eight accumulators, the count of all bytes, the place in the block, the counts of
// bytes that are kept and that were not used yet, and the kept ones.
const stateSize: i32 = 8 * 8 + 8 + 4 * 4 + shortMax;
let state: usize = 0;
let total: usize = 0;
let place: usize = 0;
let keptCount: usize = 0;
let freshCount: usize = 0;
let kept: usize = 0;

let result: usize = 0;

const secretSize: i32 = 192;
let secret: usize = 0;

export function ownBytes(): usize {
  return lead + windowSize + stateSize + 16 + secretSize;
}

/** Must be called once, before anything else. */
export function begin(own: usize): void {
  window = own + lead;
  state = window + windowSize;
  total = state + 64;
  place = state + 72;
  keptCount = state + 76;
  freshCount = state + 80;
  kept = state + 88;
  result = state + stateSize;
  secret = result + 16;
  store<u64>(secret, 0xbe4ba423396cfeb8);
  store<u64>(secret, 0x1cad21f72c81017c, 8);
  store<u64>(secret, 0xdb979083e96dd4de, 16);
  store<u64>(secret, 0x1f67b3b7a4a44072, 24);
  store<u64>(secret, 0x78e5c0cc4ee679cb, 32);
  store<u64>(secret, 0x2172ffcc7dd05a82, 40);
  store<u64>(secret, 0x8e2443f7744608b8, 48);
  store<u64>(secret, 0x4c263a81e69035e0, 56);
  store<u64>(secret, 0xcb00c391bb52283c, 64);
  store<u64>(secret, 0xa32e531b8b65d088, 72);
  store<u64>(secret, 0x4ef90da297486471, 80);
  store<u64>(secret, 0xd8acdea946ef1938, 88);
  store<u64>(secret, 0x3f349ce33f76faa8, 96);
  store<u64>(secret, 0x1d4f0bc7c7bbdcf9, 104);
  store<u64>(secret, 0x3159b4cd4be0518a, 112);
  store<u64>(secret, 0x647378d9c97e9fc8, 120);
  store<u64>(secret, 0xc3ebd33483acc5ea, 128);
  store<u64>(secret, 0xeb6313faffa081c5, 136);
  store<u64>(secret, 0x49daf0b751dd0d17, 144);
  store<u64>(secret, 0x9e68d429265516d3, 152);
  store<u64>(secret, 0xfca1477d58be162b, 160);
  store<u64>(secret, 0xce31d07ad1b8f88f, 168);
  store<u64>(secret, 0x280416958f3acb45, 176);
  store<u64>(secret, 0x7e404bbbcafbd7af, 184);
}

export function windowStart(): usize {
  return window;
}

export function windowBytes(): i32 {
  return windowSize;
}

export function stateStart(): usize {
  return state;
}

export function stateBytes(): i32 {
  return stateSize;
}

/** Where `digest64` and `digest128` put their bytes, the most significant first. */
export function resultStart(): usize {
  return result;
}

export function reset(): void {
  store<u64>(state, prime32_3);
  store<u64>(state, prime1, 8);
  store<u64>(state, prime2, 16);
  store<u64>(state, prime3, 24);
  store<u64>(state, prime4, 32);
  store<u64>(state, prime32_2, 40);
  store<u64>(state, prime5, 48);
  store<u64>(state, prime32_1, 56);
  store<u64>(total, 0);
  store<i32>(place, 0);
  store<i32>(keptCount, 0);
  store<i32>(freshCount, 0);
}

export function update(length: i32): void {
  if (length == 0) return;
  const keep = load<i32>(keptCount);
  memory.copy(window - keep, kept, keep);
  absorb(window - load<i32>(freshCount), window + length, length);
}

/** Takes in what was not used yet, up to `end`; `length` bytes of it are new. */
function absorb(start: usize, end: usize, length: i32): void {
  const all = load<u64>(total) + length;
  store<u64>(total, all);
  let at = start;
  let keep = <i32>all;
  if (all > <u64>shortMax) {
    at = consume(at, <i32>(end - at - 1) / stripe);
    keep = stripe;
  }
  memory.copy(kept, end - keep, keep);
  store<i32>(keptCount, keep);
  store<i32>(freshCount, <i32>(end - at));
}

/** Whole stripes, each with the secret at its place in the block; returns where they end. */
function consume(at: usize, stripes: i32): usize {
  let a = v128.load(state);
  let b = v128.load(state, 16);
  let c = v128.load(state, 32);
  let d = v128.load(state, 48);
  let index = load<i32>(place);
  for (let rest = stripes; rest > 0; rest--) {
    const key = secret + index * 8;
    a = accumulate(a, v128.load(at), v128.load(key));
    b = accumulate(b, v128.load(at, 16), v128.load(key, 16));
    c = accumulate(c, v128.load(at, 32), v128.load(key, 32));
    d = accumulate(d, v128.load(at, 48), v128.load(key, 48));
    at += stripe;
    index++;
    if (index == stripesPerBlock) {
      const last = secret + secretSize - stripe;
      a = scramble(a, v128.load(last));
      b = scramble(b, v128.load(last, 16));
      c = scramble(c, v128.load(last, 32));
      d = scramble(d, v128.load(last, 48));
      index = 0;
    }
  }
  store<i32>(place, index);
  v128.store(state, a);
  v128.store(state, b, 16);
  v128.store(state, c, 32);
  v128.store(state, d, 48);
  return at;
}

/**
 * Two lanes: each adds the other's data, and the product of the halves of its own data under the
 * secret.
 */
@inline
function accumulate(sum: v128, data: v128, key: v128): v128 {
  const value = v128.xor(data, key);
  const low = v128.shuffle<i32>(value, value, 0, 2, 0, 2);
  const high = v128.shuffle<i32>(value, value, 1, 3, 1, 3);
  const swapped = v128.shuffle<i64>(data, data, 1, 0);
  return i64x2.add(sum, i64x2.add(swapped, i64x2.extmul_low_i32x4_u(low, high)));
}

@inline
function scramble(sum: v128, key: v128): v128 {
  const mixed = v128.xor(v128.xor(sum, i64x2.shr_u(sum, 47)), key);
  return i64x2.mul(mixed, i64x2.splat(prime32_1));
}

/** The last 64 bytes, whether they fill a stripe or lie across two. */
function consumeLast(): void {
  const key = secret + secretSize - stripe - 7;
  for (let at: usize = 0; at < <usize>stripe; at += 16) {
    const sum = accumulate(v128.load(state + at), v128.load(kept + at), v128.load(key + at));
    v128.store(state + at, sum);
  }
}

function merged(start: u64, key: usize): u64 {
  let sum = start;
  for (let at: usize = 0; at < <usize>stripe; at += 16) {
    const left = load<u64>(state + at) ^ load<u64>(key + at);
    const right = load<u64>(state + at, 8) ^ load<u64>(key + at, 8);
    sum += folded(left, right);
  }
  return avalanche(sum);
}

/** The lower half of the 64-bit hash of the bytes at a place; the state is overwritten. */
export function half64(start: usize, length: i32): u32 {
  reset();
  if (length > 0) absorb(start, start + length, length);
  return <u32>value64();
}

export function digest64(): void {
  store<u64>(result, bswap<u64>(value64()));
}

function value64(): u64 {
  const length = load<u64>(total);
  let value: u64;
  if (length > <u64>shortMax) {
    consumeLast();
    value = merged(length * prime1, secret + 11);
  } else if (length > 128) value = medium64(<usize>length);
  else if (length > 16) value = small64(<usize>length);
  else if (length > 8) value = nineTo16(<usize>length);
  else if (length > 3) value = fourTo8(<usize>length);
  else if (length > 0) value = avalancheXxh64(words(0, 4) ^ <u64>combined(<usize>length));
  else value = avalancheXxh64(load<u64>(secret, 56) ^ load<u64>(secret, 64));
  return value;
}

export function digest128(): void {
  const length = load<u64>(total);
  if (length > <u64>shortMax) {
    consumeLast();
    const low = merged(length * prime1, secret + 11);
    put128(low, merged(~(length * prime2), secret + secretSize - stripe - 11));
  } else if (length > 16) medium128(<usize>length);
  else if (length > 8) nineTo16of128(<usize>length);
  else if (length > 3) fourTo8of128(<usize>length);
  else if (length > 0) {
    const input = combined(<usize>length);
    const turned = rotl<u32>(bswap<u32>(input), 13);
    put128(avalancheXxh64(words(0, 4) ^ <u64>input), avalancheXxh64(words(8, 12) ^ <u64>turned));
  } else {
    const low = avalancheXxh64(load<u64>(secret, 64) ^ load<u64>(secret, 72));
    put128(low, avalancheXxh64(load<u64>(secret, 80) ^ load<u64>(secret, 88)));
  }
}

function put128(low: u64, high: u64): void {
  store<u64>(result, bswap<u64>(high));
  store<u64>(result, bswap<u64>(low), 8);
}

/** Two words of 32 bits of the secret, each other's mask. */
function words(first: usize, second: usize): u64 {
  return <u64>(load<u32>(secret + first) ^ load<u32>(secret + second));
}

/** One to three bytes and their count in one word. */
function combined(length: usize): u32 {
  const last = <u32>load<u8>(kept + length - 1);
  const first = <u32>load<u8>(kept);
  const middle = <u32>load<u8>(kept + (length >> 1));
  return last | (<u32>length << 8) | (first << 16) | (middle << 24);
}

function fourTo8(length: usize): u64 {
  const first = <u64>load<u32>(kept);
  const last = <u64>load<u32>(kept + length - 4);
  let value = load<u64>(secret, 8) ^ load<u64>(secret, 16) ^ (last | (first << 32));
  value ^= rotl<u64>(value, 49) ^ rotl<u64>(value, 24);
  value *= mix2;
  value ^= (value >> 35) + <u64>length;
  value *= mix2;
  return value ^ (value >> 28);
}

function fourTo8of128(length: usize): void {
  const first = <u64>load<u32>(kept);
  const last = <u64>load<u32>(kept + length - 4);
  const value = load<u64>(secret, 16) ^ load<u64>(secret, 24) ^ (first | (last << 32));
  const factor = prime1 + ((<u64>length) << 2);
  let low = value * factor;
  const high = highProduct(value, factor) + (low << 1);
  low ^= high >> 3;
  low = (low ^ (low >> 35)) * mix2;
  put128(low ^ (low >> 28), avalanche(high));
}

function nineTo16(length: usize): u64 {
  const low = load<u64>(secret, 24) ^ load<u64>(secret, 32) ^ load<u64>(kept);
  const high = load<u64>(secret, 40) ^ load<u64>(secret, 48) ^ load<u64>(kept + length - 8);
  return avalanche(<u64>length + bswap<u64>(low) + high + folded(low, high));
}

function nineTo16of128(length: usize): void {
  const last = load<u64>(kept + length - 8);
  const one = load<u64>(secret, 32) ^ load<u64>(secret, 40) ^ load<u64>(kept) ^ last;
  const other = load<u64>(secret, 48) ^ load<u64>(secret, 56) ^ last;
  let low = one * prime1 + ((<u64>length - 1) << 54);
  const high = highProduct(one, prime1) + other + (other & 0xffffffff) * (prime32_2 - 1);
  low ^= bswap<u64>(high);
  put128(avalanche(low * prime2), avalanche(highProduct(low, prime2) + high * prime2));
}

/** 17 to 128 bytes: from both ends inwards. */
function small64(length: usize): u64 {
  let sum = <u64>length * prime1;
  for (let i = <i32>((length - 1) >> 5); i >= 0; i--) {
    sum += mixed(kept + i * 16, secret + i * 32);
    sum += mixed(kept + length - i * 16 - 16, secret + i * 32 + 16);
  }
  return avalanche(sum);
}

/** 129 to 240 bytes. */
function medium64(length: usize): u64 {
  let sum = <u64>length * prime1;
  for (let i: usize = 0; i < 8; i++) sum += mixed(kept + i * 16, secret + i * 16);
  sum = avalanche(sum);
  const chunks = length >> 4;
  for (let i: usize = 8; i < chunks; i++) sum += mixed(kept + i * 16, secret + (i - 8) * 16 + 3);
  return avalanche(sum + mixed(kept + length - 16, secret + 119));
}

/** 17 to 240 bytes: two sums, each taking in the other's data too. */
function medium128(length: usize): void {
  let a = <u64>length * prime1;
  let b: u64 = 0;
  if (length <= 128) {
    for (let i = <i32>((length - 1) >> 5); i >= 0; i--) {
      const front = kept + i * 16;
      const back = kept + length - i * 16 - 16;
      a = (a + mixed(front, secret + i * 32)) ^ added(back);
      b = (b + mixed(back, secret + i * 32 + 16)) ^ added(front);
    }
  } else {
    const chunks = length >> 5;
    for (let i: usize = 0; i < chunks; i++) {
      const at = kept + i * 32;
      const key = i < 4 ? secret + i * 32 : secret + (i - 4) * 32 + 3;
      a = (a + mixed(at, key)) ^ added(at + 16);
      b = (b + mixed(at + 16, key + 16)) ^ added(at);
      if (i == 3) {
        a = avalanche(a);
        b = avalanche(b);
      }
    }
    const front = kept + length - 16;
    const back = kept + length - 32;
    a = (a + mixed(front, secret + 103)) ^ added(back);
    b = (b + mixed(back, secret + 119)) ^ added(front);
  }
  const high = a * prime1 + b * prime4 + <u64>length * prime2;
  put128(avalanche(a + b), 0 - avalanche(high));
}

function mixed(at: usize, key: usize): u64 {
  return folded(load<u64>(at) ^ load<u64>(key), load<u64>(at, 8) ^ load<u64>(key, 8));
}

function added(at: usize): u64 {
  return load<u64>(at) + load<u64>(at, 8);
}

/** The halves of the product of 128 bits, one upon the other. */
function folded(a: u64, b: u64): u64 {
  return (a * b) ^ highProduct(a, b);
}

/** The upper half of the product, by the halves of the factors. */
function highProduct(a: u64, b: u64): u64 {
  const lowA = a & 0xffffffff;
  const lowB = b & 0xffffffff;
  const highA = a >> 32;
  const highB = b >> 32;
  const cross = ((lowA * lowB) >> 32) + ((highA * lowB) & 0xffffffff) + lowA * highB;
  return ((highA * lowB) >> 32) + (cross >> 32) + highA * highB;
}

function avalanche(value: u64): u64 {
  value = (value ^ (value >> 37)) * mix1;
  return value ^ (value >> 32);
}

function avalancheXxh64(value: u64): u64 {
  value = (value ^ (value >> 33)) * prime2;
  value = (value ^ (value >> 29)) * prime3;
  return value ^ (value >> 32);
}

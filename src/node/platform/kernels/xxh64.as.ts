// XXH64 with seed 0, by its specification (doc/xxhash_spec.md of github.com/Cyan4973/xxHash).
// AssemblyScript: built into xxh64.wasm by tools/build-kernels.ts.
//
// Each thread has an instance, and all of them one memory: so an instance is given a place of its
// own for its state. The caller copies its bytes into the window and calls `update` with their
// count. Between the calls for one digest it keeps the bytes of the state, so that several digests
// can be under way in one instance.

const windowSize: i32 = 64 * 1024;
const stripe: i32 = 32;

const prime1: u64 = 0x9e3779b185ebca87;
const prime2: u64 = 0xc2b2ae3d27d4eb4f;
const prime3: u64 = 0x165667b19e3779f9;
const prime4: u64 = 0x85ebca77c2b2ae63;
const prime5: u64 = 0x27d4eb2f165667c5;

/**
 * Bytes of an earlier call that did not fill a stripe are laid in front of the window: then all are
 * in one piece.
 */
let window: usize = 0;

// The state: four accumulators, the count of all bytes, of those that are left over, and these.
const stateSize: i32 = 4 * 8 + 8 + 8 + stripe;
let state: usize = 0;
let total: usize = 0;
let leftCount: usize = 0;
let left: usize = 0;

let result: usize = 0;

export function ownBytes(): usize {
  return stripe + windowSize + stateSize + 8;
}

/** Must be called once, before anything else. */
export function begin(own: usize): void {
  window = own + stripe;
  state = window + windowSize;
  total = state + 32;
  leftCount = state + 40;
  left = state + 48;
  result = state + stateSize;
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

/** Where `digest` puts its eight bytes, the most significant first. */
export function resultStart(): usize {
  return result;
}

export function reset(): void {
  store<u64>(state, prime1 + prime2);
  store<u64>(state, prime2, 8);
  store<u64>(state, 0, 16);
  store<u64>(state, 0 - prime1, 24);
  store<u64>(total, 0);
  store<u64>(leftCount, 0);
}

export function update(length: i32): void {
  store<u64>(total, load<u64>(total) + length);
  const before = load<i32>(leftCount);
  memory.copy(window - before, left, before);
  const end = window + length;
  let at: usize = window - before;
  let a = load<u64>(state);
  let b = load<u64>(state, 8);
  let c = load<u64>(state, 16);
  let d = load<u64>(state, 24);
  for (; at + stripe <= end; at += stripe) {
    a = round(a, load<u64>(at));
    b = round(b, load<u64>(at, 8));
    c = round(c, load<u64>(at, 16));
    d = round(d, load<u64>(at, 24));
  }
  store<u64>(state, a);
  store<u64>(state, b, 8);
  store<u64>(state, c, 16);
  store<u64>(state, d, 24);
  store<i32>(leftCount, <i32>(end - at));
  memory.copy(left, at, end - at);
}

export function digest(): void {
  let sum = load<u64>(total) < <u64>stripe ? prime5 : converged();
  sum += load<u64>(total);
  let at = left;
  const end = left + load<i32>(leftCount);
  for (; at + 8 <= end; at += 8) {
    sum = rotl<u64>(sum ^ round(0, load<u64>(at)), 27) * prime1 + prime4;
  }
  if (at + 4 <= end) {
    sum = rotl<u64>(sum ^ (<u64>load<u32>(at) * prime1), 23) * prime2 + prime3;
    at += 4;
  }
  for (; at < end; at++) sum = rotl<u64>(sum ^ (<u64>load<u8>(at) * prime5), 11) * prime1;
  sum = (sum ^ (sum >> 33)) * prime2;
  sum = (sum ^ (sum >> 29)) * prime3;
  store<u64>(result, bswap<u64>(sum ^ (sum >> 32)));
}

function converged(): u64 {
  const a = load<u64>(state);
  const b = load<u64>(state, 8);
  const c = load<u64>(state, 16);
  const d = load<u64>(state, 24);
  let sum = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
  sum = merge(sum, a);
  sum = merge(sum, b);
  sum = merge(sum, c);
  return merge(sum, d);
}

@inline
function merge(sum: u64, accumulator: u64): u64 {
  return (sum ^ round(0, accumulator)) * prime1 + prime4;
}

@inline
function round(accumulator: u64, lane: u64): u64 {
  return rotl<u64>(accumulator + lane * prime2, 31) * prime1;
}

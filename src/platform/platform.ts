import type { LoopShare } from "../base/loop-share.ts";
import type { Combiner } from "./combiner.ts";
import type { Hash } from "./hash.ts";

/**
 * The world, as everything below `server/` sees it. Disks, engines and listeners are arguments of
 * their own, since there are several of each; `node/` and `sim/` implement all of them.
 */
export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly hash: Hash;
  readonly combiner: Combiner;
  readonly log: Log;
  readonly memory: ThreadMemory;
  /** The share of the process's event loop that long work may take, counted. */
  readonly loop: LoopShare;
}

/** Time. In the simulator it stands still until everybody waits. */
export interface Clock {
  /**
   * Wall-clock time in milliseconds since 1970; may jump either way. For people and HTTP, not for
   * order.
   */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For measuring and deadlines. */
  monotonicMs(): number;
  /**
   * Resolves after `ms` milliseconds, or earlier (still resolving) when the signal aborts: a loop
   * checks its signal after each sleep, so cancellation is not an error path of its own.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Resolves, without waiting, when all that has arrived by now has been handed to whom it is for.
   */
  turn(): Promise<void>;
}

export interface Random {
  /** `count` unpredictable bytes (from the seed, in the simulator). */
  bytes(count: number): Uint8Array;
}

/** Memory that the threads of a process share: what lies there is hashed without a copy. */
export interface ThreadMemory {
  allocate(bytes: number): Uint8Array;
  /** Takes back the whole of an allocation; the caller knows that nobody uses it any more. */
  free(bytes: Uint8Array): void;
  /** Copies to `target[at…]`, where there is space for it. */
  copy(bytes: Uint8Array, target: Uint8Array, at: number): void;
}

/** The memory of a process whose threads share nothing. */
export const ownMemory: ThreadMemory = {
  allocate: (bytes) => new Uint8Array(bytes),
  free: () => undefined,
  copy: (bytes, target, at) => target.set(bytes, at),
};

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured log lines. `event` is a stable name in snake_case; the fields say the rest. */
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/**
 * Something that runs until its signal aborts: `run` returns once everything it started has ended.
 */
export interface Service {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Encrypts secrets with a key that it holds. */
export interface SecretCipher {
  /** `context` says what the secret belongs to: under another it is not decrypted. */
  encrypt(secret: Uint8Array, context: Uint8Array): Uint8Array;
  /** Undefined: not encrypted with this key and under this context, or changed since. */
  decrypt(encrypted: Uint8Array, context: Uint8Array): Uint8Array | undefined;
}

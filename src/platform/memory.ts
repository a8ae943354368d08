/** Memory that the threads of a process share: what is hashed by others lies there. */
export interface ThreadMemory {
  allocate(bytes: number): Uint8Array;
  /** Copies to `target[at…]`, where there is space for it. */
  copy(bytes: Uint8Array, target: Uint8Array, at: number): void;
}

/** For a process whose threads share nothing. */
export const ownMemory: ThreadMemory = {
  allocate: (bytes) => new Uint8Array(bytes),
  copy: (bytes, target, at) => target.set(bytes, at),
};

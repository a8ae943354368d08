export interface Random {
  /** `count` unpredictable bytes (from the seed, in the simulator). */
  bytes(count: number): Uint8Array;
}

/**
 * Seeds that failed once, and are run before all others. Other code draws other numbers from them,
 * so what a seed found has a test of its own as well.
 */
export const failedSeeds: readonly number[] = [
  // An extent of shards, whose file was taken away and made again, was never taken for whole.
  10_143,
  // More events than a run was allowed, since many disks are looked at while it waits.
  10_032, 10_116, 10_159,
  // A member was tried over and over where an older file of its name was leaving.
  8_322_568,
  // A disk that was taken out while an extent was opened counted as a failed append.
  30_060,
  // The bucket that a scheme is chosen for was not made, and the operator asked for ever.
  20_024,
  // An upload looked for its records while their extent was closed.
  50_052,
  // A disk stayed away, since an earlier fault on it ended a second time.
  50_231,
  // A restored index had a member for whole that had missed its seal, until that was noticed.
  50_355,
];

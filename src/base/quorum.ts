/**
 * Resolves once `needed` of them have; rejects once that cannot come any more, with what the last
 * one failed with.
 */
export function quorumOf(works: readonly Promise<unknown>[], needed: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = needed;
    let spare = works.length - needed;
    const done = (): void => {
      if (--left === 0) resolve();
    };
    const failed = (error: unknown): void => {
      if (spare-- === 0) reject(error);
    };
    for (const work of works) work.then(done, failed);
  });
}

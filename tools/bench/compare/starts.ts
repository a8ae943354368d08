import { medianStartMs } from "../../../test/acceptance/holdfast-server.ts";

/**
 * The time from starting our server to all its workers being ready: of an empty store, and of the
 * one that was measured.
 */
export async function measureStarts(
  emptyFolder: string,
  fullFolder: string | undefined,
): Promise<readonly string[]> {
  const empty = await medianStartMs([emptyFolder]);
  const lines = [`start of an empty store: ${Math.round(empty)} ms (median of three)`];
  if (fullFolder === undefined) return lines;
  const full = await medianStartMs([fullFolder]);
  return [...lines, `start of the store that was measured: ${Math.round(full)} ms`];
}

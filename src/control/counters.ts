/** Counts of background work since the process began; they only grow. */
export interface BackgroundCounters {
  sessionsFenced: number;
  extentsSealed: number;
  garbageRowsDrained: number;
  extentsReconciled: number;
  extentsCompacted: number;
  /** Extents merged with others, since they are small. */
  extentsMerged: number;
  extentsDropped: number;
  bytesDropped: number;
  recordsMoved: number;
  bytesMoved: number;
  /** Extents, manifests or records that could not be read as they should. */
  corruptions: number;
  bucketsReopened: number;
  versioningFinished: number;
  fencesRemoved: number;
  straysRemoved: number;
  /** Files of dropped extents that were not removed, since their header did not prove them. */
  filesKept: number;
  uploadsEnded: number;
}

export function createCounters(): BackgroundCounters {
  return {
    sessionsFenced: 0,
    extentsSealed: 0,
    garbageRowsDrained: 0,
    extentsReconciled: 0,
    extentsCompacted: 0,
    extentsMerged: 0,
    extentsDropped: 0,
    bytesDropped: 0,
    recordsMoved: 0,
    bytesMoved: 0,
    corruptions: 0,
    bucketsReopened: 0,
    versioningFinished: 0,
    fencesRemoved: 0,
    straysRemoved: 0,
    filesKept: 0,
    uploadsEnded: 0,
  };
}

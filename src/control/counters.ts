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
  /** Extents written anew as shards. */
  extentsEncoded: number;
  /** Bytes read and written for that. */
  bytesEncoded: number;
  /** Members made again, or moved to another disk. */
  membersRepaired: number;
  bytesRepaired: number;
  /** Members that scrubbing read, their bytes, and those that were not as they were written. */
  membersScrubbed: number;
  bytesScrubbed: number;
  membersFoundBad: number;
  /** Extents whose copies were not the same where scrubbing read them, and were compared. */
  extentsCompared: number;
  /** Copies that are valid by themselves, and were found not to be what the extent is. */
  copiesFoundWrong: number;
  /** Files of extents that were no members any more. */
  membersRemoved: number;
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
    extentsEncoded: 0,
    bytesEncoded: 0,
    membersRemoved: 0,
    membersScrubbed: 0,
    bytesScrubbed: 0,
    membersFoundBad: 0,
    extentsCompared: 0,
    copiesFoundWrong: 0,
    membersRepaired: 0,
    bytesRepaired: 0,
  };
}

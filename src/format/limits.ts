// Sizes that formats depend on. Changing one is a format change.

/** @limit S3: keys are at most 1,024 bytes of UTF-8. */
export const keyBytesMax = 1024;
/**
 * @limit The longest row key any engine must take (LMDB's Node binding refuses more than 1,978).
 */
export const rowKeyBytesMax = 1900;
/** @limit Payload of a chunk: objects larger than this are cut. */
export const chunkBytesMax = 4 * 1024 * 1024;
/** Payload bytes behind one checksum in a record. 64 KiB: 64 checksums (256 B) for a full chunk. */
export const blockBytes = 64 * 1024;
/**
 * @limit Chunk references a row may hold; past that they move to a manifest. 16 x ~20 B keeps rows
 * below 1 KiB.
 */
export const rowChunksMax = 16;
/** @limit An extent is sealed before it grows past this. */
export const extentBytesMax = 256 * 1024 * 1024;
/** Records start at multiples of this. */
export const recordAlignment = 8;
/** Two header slots of 4 KiB each; records begin behind them. */
export const extentHeaderSlotBytes = 4096;
export const extentHeaderBytes = 2 * extentHeaderSlotBytes;

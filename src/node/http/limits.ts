/** What one front-end process takes on at most (C6), and how long it waits for a peer. */
export interface HttpLimits {
  /** Request line and headers together, in bytes. S3 allows 8 KiB of headers; presigned tokens need room. */
  readonly headerBytes: number;
  /** Header lines. S3's own and 2 KiB of metadata stay far below. */
  readonly headers: number;
  /** Connections of one process; each idle one costs about 15 KiB, so 4,096 stay below 64 MiB. */
  readonly connections: number;
  /** Requests under way in one process; past it 503 SlowDown. */
  readonly requests: number;
  /** From the first byte of a request to the end of its headers. */
  readonly headersMs: number;
  /** Silence in the middle of a request or answer, either way. A long body may take any time while it moves. */
  readonly stalledMs: number;
  /** An idle connection is kept this long: longer than the clients' pools (60 s), so that they close first. */
  readonly keepAliveMs: number;
  /** Body bytes held for a handler that does not pull; then the socket is no longer read. */
  readonly bodyBufferBytes: number;
  /** The rest of an unread body is read to the end if it is no longer than this, to keep the connection. */
  readonly drainBytes: number;
  /** Otherwise the peer has this long to notice the answer before the connection closes under it. */
  readonly lingerMs: number;
}

export const httpLimits: HttpLimits = {
  headerBytes: 16 * 1024,
  headers: 256,
  connections: 4096,
  requests: 1024,
  headersMs: 30_000,
  stalledMs: 120_000,
  keepAliveMs: 75_000,
  bodyBufferBytes: 256 * 1024,
  drainBytes: 256 * 1024,
  lingerMs: 5_000,
};

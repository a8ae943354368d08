/** The most that one front-end process takes on (C6), and how long it waits for a peer. */
export interface HttpLimits {
  /**
   * Request line and headers together, in bytes. S3 allows 8 KiB of headers; presigned tokens need
   * more.
   */
  readonly headerBytes: number;
  /** Header lines. S3's own and 2 KiB of metadata stay far below. */
  readonly headers: number;
  /**
   * Connections that are served; each idle one costs 4 KiB of private memory (2,000 measured,
   * without TLS): 16 MiB for all.
   */
  readonly connections: number;
  /**
   * Connections beyond those, whose requests are answered 503 SlowDown; past them, connections are
   * closed unread.
   */
  readonly surplusConnections: number;
  /**
   * Requests under way, none is queued: past it 503 SlowDown. Under each stands its own and the
   * body budgets' memory.
   */
  readonly requests: number;
  /**
   * Requests of one connection that wait for the answers before theirs; past it the connection is
   * closed.
   */
  readonly pipelined: number;
  /** Time from a request's first byte to the end of its headers; also for a TLS handshake. */
  readonly headersMs: number;
  /**
   * A body whose sender is waited for must bring `bodyWindowBytes` in each such time: else 400
   * RequestTimeout.
   */
  readonly bodyWindowMs: number;
  /**
   * 1 KiB/s, counted only while we wait for the peer: a slow but steady 5 GiB upload may take any
   * time.
   */
  readonly bodyWindowBytes: number;
  /** An answer is handed over in pieces of this size … */
  readonly pieceBytes: number;
  /**
   * … and a peer that does not take one in this time is cut off: 4 KiB/s, beyond what the kernel
   * buffers.
   */
  readonly pieceMs: number;
  /** Time after which a connection on which nothing moves is closed, as when a handler hangs. */
  readonly silentMs: number;
  /**
   * An idle connection is kept this long: longer than the clients' pools (60 s), so that they close
   * first.
   */
  readonly keepAliveMs: number;
  /** Body bytes held for a handler that does not pull; then the socket is no longer read. */
  readonly bodyBufferBytes: number;
  /**
   * The rest of an unread body is read to the end if it is no longer than this, to keep the
   * connection.
   */
  readonly discardBytesMax: number;
  /**
   * Otherwise the peer has this long to notice the answer before the connection closes under it …
   */
  readonly lingerMs: number;
  /**
   * … and we throw away so much meanwhile: a client that first sends 64 MiB and then reads gets its
   * answer.
   */
  readonly lingerBytes: number;
}

/** @limit The most that a connection may hold, and for how long. */
export const httpLimits: HttpLimits = {
  headerBytes: 16 * 1024,
  headers: 256,
  connections: 4096,
  surplusConnections: 256,
  requests: 1024,
  pipelined: 32,
  headersMs: 30_000,
  bodyWindowMs: 20_000,
  bodyWindowBytes: 20 * 1024,
  pieceBytes: 256 * 1024,
  pieceMs: 60_000,
  silentMs: 120_000,
  keepAliveMs: 75_000,
  bodyBufferBytes: 256 * 1024,
  discardBytesMax: 256 * 1024,
  lingerMs: 5_000,
  lingerBytes: 64 * 1024 * 1024,
};

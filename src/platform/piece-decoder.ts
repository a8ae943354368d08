/**
 * Takes what is meant out of a body as sent, which is pushed piece by piece, and verifies it on the
 * way.
 */
export interface PieceDecoder {
  /**
   * The bytes that are meant among these, as views of them. They may still prove wrong: only `end`
   * says that all signatures, digests and lengths were right. BodyFault.
   */
  push(piece: Uint8Array): readonly Uint8Array[];
  /** All pieces were pushed. BodyFault. */
  end(): void;
  /** Whatever follows means nothing, however long it is: it need not be pushed. */
  readonly isPastEnd: boolean;
}

/** The pieces are what is meant. */
export const plainPieces: PieceDecoder = {
  push: (piece) => [piece],
  end: () => undefined,
  isPastEnd: false,
};

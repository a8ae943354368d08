import type { BlobId, ChangeId, SessionId } from "../format/ids.ts";
import { composeId } from "../format/ids.ts";

/** One run of one process. Its id was never used before, so what it composes is unique. */
export class Session {
  readonly id: SessionId;
  #changes = 0;
  #blobs = 0;

  constructor(id: SessionId) {
    this.id = id;
  }

  nextChangeId(): ChangeId {
    return composeId(this.id, ++this.#changes);
  }

  nextBlobId(): BlobId {
    return composeId(this.id, ++this.#blobs);
  }
}

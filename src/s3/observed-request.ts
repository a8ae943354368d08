import type { Verified } from "../auth/claim.ts";
import type { RequestPhases } from "../object/request-phases.ts";
import type { HttpRequest } from "../platform/http.ts";
import type { OperationName } from "./operations.ts";
import type { RequestTarget } from "./request/request-target.ts";

/**
 * A request as those see it who count, log and trace: it is filled while it goes on, and read when
 * they like.
 */
export interface ObservedRequest {
  /** The id in the answer's x-amz-request-id. */
  readonly requestId: string;
  readonly request: HttpRequest;
  /** Undefined where the request asks for nothing S3 has. */
  readonly operation: OperationName | undefined;
  readonly target: RequestTarget | undefined;
  /** Undefined until it is known, and where the signature is refused. */
  readonly sender: Verified | undefined;
  /**
   * The access key whose signature was refused, of those that exist: others may be secrets in the
   * wrong place.
   */
  readonly refusedKey: string | undefined;
  /** Undefined until there is an answer. */
  readonly status: number | undefined;
  /** S3's name of the error, if it was one; also of one that came when the answer had begun. */
  readonly code: string | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Time until the answer's first byte was ready. */
  readonly firstByteMs: number | undefined;
  readonly phases: RequestPhases;
}

export interface RequestObserver {
  began(request: ObservedRequest): void;
  /** Its answer has been handed on, or has failed underway. */
  ended(request: ObservedRequest): void;
}

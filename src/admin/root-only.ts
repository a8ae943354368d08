import type { Verified } from "../auth/claim.ts";
import type { Credentials } from "../auth/access-key.ts";
import { type RequestVerifier, verifyClaim } from "../auth/verify-request.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { isStoreError } from "../base/errors.ts";
import type { HttpRequest, HttpResponse } from "../platform/http.ts";
import type { Platform } from "../platform/platform.ts";

/**
 * A request that an admin page refuses. The answer is {"error": "…"}, with the store's region where
 * the request was signed for another one. The region is no secret: S3 shows it, too.
 */
export class AdminRefusal extends Error {
  readonly status: number;
  readonly region: string | undefined;

  constructor(status: number, message: string, region?: string) {
    super(message);
    this.status = status;
    this.region = region;
  }
}

export interface RootOnlyOptions {
  readonly platform: Platform;
  readonly verifier: RequestVerifier;
  /** Access keys, root's among them. */
  readonly keys: Credentials;
}

/** Answers a request that root has to sign in its header, like any request of S3. */
export async function answerRoot(
  { platform, verifier, keys }: RootOnlyOptions,
  request: HttpRequest,
  answer: (verified: Verified) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  try {
    const verified = await verifyClaim(verifier.claim(request.head), keys);
    if (verified.kind === "refused") {
      const region = "region" in verified ? verified.region : undefined;
      throw new AdminRefusal(
        403,
        `the request's signature is not accepted: ${verified.code}`,
        region,
      );
    }
    if (!verified.principal.root || verified.presigned) {
      throw new AdminRefusal(403, "only the root's key may do this");
    }
    return await answer(verified);
  } catch (thrown) {
    if (thrown instanceof AdminRefusal) {
      return jsonAnswer(thrown.status, { error: thrown.message, region: thrown.region });
    }
    if (!isStoreError(thrown)) throw thrown;
    if (thrown.code === "invalid") return jsonAnswer(400, { error: thrown.message });
    platform.log("error", "admin_failed", { code: thrown.code, message: thrown.message });
    const error = "the store cannot do it at the moment; the server's log says why";
    return jsonAnswer(503, { error });
  }
}

export function jsonAnswer(status: number, value: unknown): HttpResponse {
  const headers = [
    ["content-type", "application/json"],
    ["cache-control", "no-store"],
  ] as const;
  return { status, headers, body: encodeUtf8(`${JSON.stringify(value)}\n`) };
}

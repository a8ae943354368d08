import type { AuthRefusal } from "../auth/auth-refusal.ts";
import type { Verified } from "../auth/claim.ts";
import type { Credentials } from "../auth/access-key.ts";
import { presigningOf } from "../auth/hoisted-headers.ts";
import { type RequestVerifier, verifyClaim } from "../auth/verify-request.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { isStoreError } from "../base/errors.ts";
import { isRefusal, type RefusalOf } from "../base/refusal.ts";
import type { HttpRequest, HttpResponse } from "../platform/http.ts";
import type { Platform } from "../platform/platform.ts";

/** Why an admin page refuses a request, each with the status of the answer. */
const statuses = {
  invalid: 400,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
  exists: 409,
  conflict: 409,
  tooLarge: 413,
  busy: 503,
} as const;

export interface AdminRefusal extends RefusalOf<keyof typeof statuses> {
  readonly message: string;
  /** The store's region, where the request was signed for another one. It is no secret. */
  readonly region?: string | undefined;
}

export function refusePage(
  refusal: AdminRefusal["refusal"],
  message: string,
  region?: string,
): AdminRefusal {
  return { refusal, message, region };
}

export interface RootOnlyOptions {
  readonly platform: Platform;
  readonly verifier: RequestVerifier;
  /** Access keys, root's among them. */
  readonly keys: Credentials;
}

/**
 * Answers a request that root has to sign in its header, like any request of S3. A refusal becomes
 * {"error": "…"}.
 */
export async function answerRoot(
  { platform, verifier, keys }: RootOnlyOptions,
  request: HttpRequest,
  answer: (verified: Verified) => Promise<HttpResponse | AdminRefusal>,
): Promise<HttpResponse> {
  try {
    const claim = verifier.claim(request.head, presigningOf(request.head));
    const root = verifiedRoot(await verifyClaim(claim, keys));
    const answered = isRefusal(root) ? root : await answer(root);
    if (!isRefusal(answered)) return answered;
    const { refusal, message, region } = answered;
    return jsonAnswer(statuses[refusal], { error: message, region });
  } catch (thrown) {
    if (!isStoreError(thrown)) throw thrown;
    if (thrown.code === "invalid") return jsonAnswer(400, { error: thrown.message });
    platform.log("error", "admin_failed", { code: thrown.code, message: thrown.message });
    const error = "the store cannot do it at the moment; the server's log says why";
    return jsonAnswer(503, { error });
  }
}

function verifiedRoot(verified: Verified | AuthRefusal): Verified | AdminRefusal {
  if (isRefusal(verified)) {
    const region = "region" in verified ? verified.region : undefined;
    const message = `the request's signature is not accepted: ${verified.refusal}`;
    return refusePage("forbidden", message, region);
  }
  if (verified.principal.root && !verified.presigned) return verified;
  return refusePage("forbidden", "only the root's key may do this");
}

export function jsonAnswer(status: number, value: unknown): HttpResponse {
  const headers = [
    ["content-type", "application/json"],
    ["cache-control", "no-store"],
  ] as const;
  return { status, headers, body: encodeUtf8(`${JSON.stringify(value)}\n`) };
}

import type { Credentials } from "../auth/access-key.ts";
import type { Authorize } from "../auth/authorize.ts";
import type { AuthRefusal } from "../auth/auth-refusal.ts";
import type { Claim, Verified } from "../auth/claim.ts";
import { effectiveHeaders, presigningOf } from "../auth/hoisted-headers.ts";
import type { FormFields } from "../auth/verify-form.ts";
import { type RequestVerifier, unsignedClaim, verifyClaim } from "../auth/verify-request.ts";
import { toBase64, toHex } from "../base/bytes.ts";
import { isStoreError, messageOf } from "../base/errors.ts";
import { createHttpDates } from "../base/http-date.ts";
import { type Ready, whenReady } from "../base/ready.ts";
import { isRefusal } from "../base/refusal.ts";
import { type ProcessStore, storeForRequest } from "../object/object-store.ts";
import { RequestPhases } from "../object/request-phases.ts";
import type { Headers, HttpHandler, HttpRequest, HttpResponse } from "../platform/http.ts";
import type { Platform } from "../platform/platform.ts";
import {
  bucketRegionHeader,
  type Found,
  type LookUp,
  type Operation,
  permit,
  permitOwn,
} from "./call.ts";
import { authError, errorResponse, toS3Error } from "./error-response.ts";
import { S3Error } from "./errors.ts";
import type { ObservedRequest, RequestObserver } from "./observed-request.ts";
import { type OperationName, type Route, route } from "./operations.ts";
import { CountedBody } from "./request/counted-body.ts";
import { checkHeaderForm } from "./request/header-rules.ts";
import {
  checkTarget,
  isBucketName,
  parseRequestTarget,
  type RequestTarget,
} from "./request/request-target.ts";
import type { RequestsPerKey } from "./request/requests-per-key.ts";
import { keepAlive } from "./response/keep-alive.ts";

export interface S3HandlerOptions {
  readonly platform: Platform;
  readonly objects: ProcessStore;
  readonly verifier: RequestVerifier;
  readonly lookUp: LookUp;
  /** The credentials of forms, whose sender is known only once the body is being read. */
  readonly credentials: Credentials;
  readonly authorize: Authorize;
  readonly region: string;
  /** `<bucket>.<domain>` in Host names a bucket; in lower case. */
  readonly domains: readonly string[];
  /** How many requests each access key may have under way. */
  readonly perKey: RequestsPerKey;
  readonly observer: RequestObserver;
}

/**
 * S3 over HTTP. Whatever goes wrong with a request becomes an answer here; the handler itself never
 * throws.
 */
export function createS3Handler(options: S3HandlerOptions): HttpHandler {
  // Names the process that answered, as S3's does the machine.
  const hostId = toBase64(options.platform.random.bytes(48));
  const shared = { ...options, hostId, formatDate: createHttpDates() };
  return (request) => new Exchange(shared, request).answer();
}

/** The parts that all exchanges of a process share. */
interface Shared extends S3HandlerOptions {
  readonly hostId: string;
  readonly formatDate: (ms: number) => string;
}

/** One request on its way to its answer. */
class Exchange implements ObservedRequest {
  readonly #shared: Shared;
  readonly request: HttpRequest;
  readonly requestId: string;
  readonly phases: RequestPhases;
  operation: OperationName | undefined;
  target: RequestTarget | undefined;
  sender: Verified | undefined;
  refusedKey: string | undefined;
  status: number | undefined;
  code: string | undefined;
  bytesOut = 0;
  firstByteMs: number | undefined;
  readonly #body: CountedBody;
  /** Undefined until it was looked up. */
  #found: Found | undefined;
  /** The sender for whom the request is counted, until it ends. */
  #countedSender: Verified | undefined;

  constructor(shared: Shared, request: HttpRequest) {
    this.#shared = shared;
    this.request = request;
    this.requestId = toHex(shared.platform.random.bytes(8)).toUpperCase();
    this.phases = new RequestPhases(shared.platform.clock);
    this.#body = new CountedBody(request, this.phases);
  }

  get bytesIn(): number {
    return this.#body.bytes;
  }

  /** A promise only where something is waited for. */
  answer(): Ready<HttpResponse> {
    this.#shared.observer.began(this);
    try {
      const answer = this.#authenticate();
      if (!(answer instanceof Promise)) return this.#finish(answer);
      return answer.then(
        (response) => this.#finish(response),
        (thrown: unknown) => this.#refuse(thrown),
      );
    } catch (thrown) {
      return this.#refuse(thrown);
    }
  }

  #finish({ status, headers, body }: HttpResponse): HttpResponse {
    const { formatDate, platform, hostId } = this.#shared;
    const answered: HttpResponse["headers"] = [
      ["x-amz-request-id", this.requestId],
      ["x-amz-id-2", hostId],
      ["date", formatDate(platform.clock.now())],
      ["server", "Holdfast"],
      ...headers,
    ];
    this.status = status;
    if (body === undefined || this.request.head.method === "HEAD" || status === 204) {
      this.#done();
      return { status, headers: answered };
    }
    if (!(body instanceof Uint8Array)) {
      return { status, headers: answered, body: this.#watched(body) };
    }
    this.bytesOut = body.length;
    this.#done();
    return { status, headers: answered, body };
  }

  /**
   * A refusal names the region that the bucket is in: that is how clients find it. A
   * refusal that is the store's own fault asks nothing more of it.
   */
  #refuse(thrown: unknown): Ready<HttpResponse> {
    const response = this.#errorResponse(thrown);
    const isOurFault = response.status >= 500 && response.status !== 501;
    const name = this.#bucketName();
    if (isOurFault || name === undefined) return this.#finish(response);
    if (this.#found !== undefined) return this.#finish(withRegion(response, this.#found));
    return this.#findBucket(name).then((found) => this.#finish(withRegion(response, found)));
  }

  async #findBucket(name: string): Promise<Partial<Found>> {
    try {
      return await this.#shared.lookUp(undefined, name);
    } catch {
      return {}; // what the client asked for was refused already, and that is its answer
    }
  }

  /** Takes note of a failure and words it. */
  #errorResponse(thrown: unknown): HttpResponse {
    const { requestId } = this;
    return errorResponse(this.#failed(thrown), { requestId, hostId: this.#shared.hostId });
  }

  /** Finds out what is asked for and who asks. */
  #authenticate(): Ready<HttpResponse> {
    const { domains, verifier, lookUp } = this.#shared;
    const { head } = this.request;
    const target = parseRequestTarget(head, domains);
    this.target = target;
    checkTarget(target);
    const presigning = presigningOf(head);
    const headers = effectiveHeaders(head, presigning);
    const routed = route(head.method, target, headers);
    if (routed === undefined) throw methodNotAllowed(head.method, target);
    this.operation = routed.operation;
    const isUnsigned = routed.isUnsigned === true;
    const claim = isUnsigned ? unsignedClaim : verifier.claim(head, presigning);
    if (isRefusal(claim)) throw authError(claim);
    return whenReady(lookUp(claim.accessKeyId, this.#bucketName()), (found) =>
      this.#serve(routed, target, headers, claim, found),
    );
  }

  /** The bucket that the target names, if one can have that name. */
  #bucketName(): string | undefined {
    const { kind, bucket } = this.target ?? { kind: "service", bucket: "" };
    return kind === "service" || !isBucketName(bucket) ? undefined : bucket;
  }

  #serve(
    { operation, run = notBuilt(operation) }: Route,
    target: RequestTarget,
    headers: Headers,
    claim: Claim,
    found: Found,
  ): Ready<HttpResponse> {
    const { objects, authorize, region, perKey, platform } = this.#shared;
    const { request, phases } = this;
    const { bucket } = found;
    this.#found = found;
    const verified = claim.verify(found.credential);
    if (isRefusal(verified)) {
      if (verified.refusal === "signature_mismatch") this.refusedKey = verified.accessKeyId;
      throw authError(verified);
    }
    this.sender = verified;
    perKey.begin(verified.accessKeyId);
    this.#countedSender = verified;
    if (headers !== request.head.headers) checkHeaderForm(headers);
    checkBucketName(target);
    phases.enter("work");
    return run({
      objects: storeForRequest(objects, phases),
      authorize,
      region,
      request,
      headers,
      target,
      bucket,
      verified,
      verifyForm: (fields) => this.#verifyForm(fields),
      body: this.#body,
      keepAlive: (work) => keepAlive(platform.clock, work, (thrown) => this.#errorResponse(thrown)),
    });
  }

  async #verifyForm(fields: FormFields): Promise<Verified | AuthRefusal> {
    const { verifier, credentials } = this.#shared;
    const sender = await verifyClaim(verifier.claimForm(fields), credentials);
    if (!isRefusal(sender)) this.sender = sender;
    return sender;
  }

  /** Takes note of what went wrong; only what is the store's own fault goes to the log. */
  #failed(thrown: unknown): S3Error {
    const error = this.#isGone(thrown)
      ? new S3Error("ClientDisconnected")
      : toS3Error(thrown, this.sender?.accessKeyId);
    this.code = error.code;
    const expected = error.status < 500 || error === thrown || isStoreError(thrown, "cancelled");
    if (!expected) {
      const overloaded = isStoreError(thrown, "overloaded");
      this.#shared.platform.log(overloaded ? "debug" : "error", "s3_request_failed", {
        operation: this.operation,
        requestId: this.requestId,
        code: error.code,
        error: describe(thrown),
      });
    }
    return error;
  }

  /** True if the client has left: what is given up because nobody waits for it is no failure. */
  #isGone(thrown: unknown): boolean {
    return isStoreError(thrown, "cancelled") && this.request.signal.aborted;
  }

  /** A failure midway can't become an answer any more: thrown on, it breaks the connection. */
  async *#watched(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const { phases } = this;
    try {
      for await (const piece of body) {
        phases.enter("send");
        this.firstByteMs ??= phases.elapsedMs();
        this.bytesOut += piece.length;
        yield piece;
        phases.enter("work");
      }
    } catch (thrown) {
      this.#failed(thrown);
      throw thrown;
    } finally {
      this.#done();
    }
  }

  #done(): void {
    const totalMs = this.phases.end();
    this.firstByteMs ??= totalMs;
    const counted = this.#countedSender;
    if (counted !== undefined) this.#shared.perKey.end(counted.accessKeyId);
    this.#shared.observer.ended(this);
  }
}

function methodNotAllowed(method: string, target: RequestTarget): S3Error {
  const type = target.kind.toUpperCase();
  return new S3Error("MethodNotAllowed", { details: { Method: method, ResourceType: type } });
}

/** Refuses after asking for permission: a sender without it learns nothing about the bucket. */
function notBuilt(name: OperationName): Operation {
  return async (call) => {
    const { kind, bucket, key } = call.target;
    const action = `s3:${name}`;
    if (kind === "service") await permitOwn(call, action, { bucket });
    else await permit(call, action, kind === "object" ? { bucket, key } : { bucket });
    throw new S3Error("NotImplemented", { message: `${name} is not implemented by this store.` });
  };
}

function withRegion(response: HttpResponse, { bucket }: Partial<Found>): HttpResponse {
  if (bucket === undefined) return response;
  return { ...response, headers: [...response.headers, bucketRegionHeader(bucket)] };
}

/** A name that no bucket can have is refused before it gets anywhere near a key of the index. */
function checkBucketName({ kind, bucket }: RequestTarget): void {
  if (kind === "service" || isBucketName(bucket)) return;
  throw new S3Error("InvalidBucketName", { details: { BucketName: bucket } });
}

function describe(thrown: unknown): string {
  if (isStoreError(thrown)) return `${thrown.code}: ${thrown.message}`;
  return (thrown instanceof Error ? thrown.stack : undefined) ?? messageOf(thrown);
}

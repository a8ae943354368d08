import type { Authorize } from "../auth/authorize.ts";
import { effectiveHeaders } from "../auth/hoisted-headers.ts";
import type { RequestVerifier, Verified } from "../auth/verify-request.ts";
import { toBase64, toHex } from "../base/bytes.ts";
import { isStoreError, messageOf } from "../base/errors.ts";
import { createHttpDates } from "../base/http-date.ts";
import type { HeaderList, HttpHandler, HttpRequest, HttpResponse } from "../platform/http.ts";
import type { Platform } from "../platform/platform.ts";
import { getBucket, requestView } from "../object/bucket/buckets.ts";
import type { ObjectStore } from "../object/object-store.ts";
import { isRefusal } from "../object/refusal.ts";
import { RequestPhases } from "../object/request-phases.ts";
import { isBucketName } from "./request/bucket-name.ts";
import { builtOperations } from "./built-operations.ts";
import { type Operation, bucketRegionHeader, permit, permitOwn } from "./call.ts";
import { S3Error } from "./errors.ts";
import { authError, errorResponse, toS3Error } from "./error-response.ts";
import { checkHeaderForm, headersByName } from "./request/headers.ts";
import { keepAlive } from "./response/keep-alive.ts";
import type { ObservedRequest, RequestObserver } from "./observed-request.ts";
import { type OperationName, route } from "./operations.ts";
import { refusePreflight } from "./request/preflight.ts";
import type { RequestsPerKey } from "./request/requests-per-key.ts";
import { type RequestTarget, parseRequestTarget } from "./request/request-target.ts";

export interface S3HandlerOptions {
  readonly platform: Platform;
  readonly objects: ObjectStore;
  readonly verifier: RequestVerifier;
  readonly authorize: Authorize;
  readonly region: string;
  /** `<bucket>.<domain>` in Host names a bucket. */
  readonly domains: readonly string[];
  /** How many requests each access key may have under way. */
  readonly perKey: RequestsPerKey;
  readonly observer?: RequestObserver | undefined;
}

/** S3 over HTTP. Whatever goes wrong with a request becomes an answer here; the handler itself never throws. */
export function createS3Handler(options: S3HandlerOptions): HttpHandler {
  // Names the process that answered, as S3's does the machine.
  const hostId = toBase64(options.platform.random.bytes(48));
  const shared = { ...options, hostId, formatDate: createHttpDates() };
  return (request) => new Exchange(shared, request).run();
}

/** What all exchanges of a process have in common. */
interface Shared extends S3HandlerOptions {
  readonly hostId: string;
  readonly formatDate: (ms: number) => string;
}

/** One request on its way to its answer. */
class Exchange implements ObservedRequest {
  readonly #options: Shared;
  readonly request: HttpRequest;
  readonly requestId: string;
  readonly phases: RequestPhases;
  operation: OperationName | undefined;
  target: RequestTarget | undefined;
  sender: Verified | undefined;
  refusedKey: string | undefined;
  status: number | undefined;
  code: string | undefined;
  bytesIn = 0;
  bytesOut = 0;
  firstByteMs: number | undefined;
  /** Ends its being counted for the access key that signed it. */
  #end: (() => void) | undefined;

  constructor(options: Shared, request: HttpRequest) {
    this.#options = options;
    this.request = request;
    this.requestId = toHex(options.platform.random.bytes(8)).toUpperCase();
    this.phases = new RequestPhases(options.platform.clock);
  }

  async run(): Promise<HttpResponse> {
    this.#options.observer?.began(this);
    const response = await this.#answerOrError();
    const { status } = response;
    const headers = [...this.#ownHeaders(), ...response.headers];
    const bodiless = this.request.method === "HEAD" || status === 204;
    const body = bodiless ? undefined : response.body;
    this.status = status;
    if (body === undefined || body instanceof Uint8Array) {
      this.bytesOut = body?.length ?? 0;
      this.#done();
      return { status, headers, body };
    }
    return { status, headers, body: this.#watched(body) };
  }

  async #answerOrError(): Promise<HttpResponse> {
    try {
      return await this.#answer();
    } catch (thrown) {
      return this.#withRegion(this.#errorResponse(thrown));
    }
  }

  /**
   * Whoever is refused is told in which region the bucket is: that is how clients find it. A refusal that is the store's
   * own fault asks nothing more of it.
   */
  async #withRegion(response: HttpResponse): Promise<HttpResponse> {
    const { status, headers } = response;
    const { kind, bucket } = this.target ?? { kind: "service", bucket: "" };
    const isOurFault = status >= 500 && status !== 501;
    if (kind === "service" || status < 400 || isOurFault || !isBucketName(bucket)) return response;
    const found = await regionOf(this.#options.objects, bucket);
    return found === undefined ? response : { ...response, headers: [...headers, found] };
  }

  /** Takes note of a failure and words it. */
  readonly #errorResponse = (thrown: unknown): HttpResponse =>
    errorResponse(this.#failed(thrown), {
      requestId: this.requestId,
      hostId: this.#options.hostId,
    });

  async #answer(): Promise<HttpResponse> {
    const { request, phases } = this;
    const { authorize, region, domains } = this.#options;
    const headerList = effectiveHeaders(request);
    const headers = headersByName(headerList);
    const target = parseRequestTarget(request.target, headers.get("host"), domains);
    this.target = target;
    const name = route(request.method, target, headers);
    if (name === undefined) throw methodNotAllowed(request.method, target);
    this.operation = name;
    if (name === "CorsPreflight") return refusePreflight(this.#options.objects, target, headers);
    const operation = builtOperations[name] ?? notBuilt(name);
    const verified = await this.#options.verifier.verify(request);
    if (verified.kind === "refused") {
      if (verified.code === "signature_mismatch") this.refusedKey = verified.accessKeyId;
      throw authError(verified);
    }
    this.sender = verified;
    this.#end = this.#options.perKey.begin(verified.accessKeyId);
    if (headerList !== request.headers) checkHeaderForm(headerList);
    checkBucketName(target);
    const body = this.#counted(request.body);
    phases.enter("work");
    return operation({
      objects: requestView(this.#options.objects, phases),
      authorize,
      region,
      request,
      headers,
      headerList,
      target,
      verified,
      verifyForm: async (fields) => {
        const sender = await this.#options.verifier.verifyForm(fields);
        if (sender.kind === "verified") this.sender = sender;
        return sender;
      },
      body,
      keepAlive: (work) => keepAlive(this.#options.platform.clock, work, this.#errorResponse),
    });
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
      this.#options.platform.log(overloaded ? "debug" : "error", "s3_request_failed", {
        operation: this.operation,
        requestId: this.requestId,
        code: error.code,
        error: describe(thrown),
      });
    }
    return error;
  }

  /** Whatever is given up because nobody waits for it is no failure of ours. */
  #isGone(thrown: unknown): boolean {
    return isStoreError(thrown, "cancelled") && this.request.signal.aborted;
  }

  #ownHeaders(): readonly (readonly [string, string])[] {
    return [
      ["x-amz-request-id", this.requestId],
      ["x-amz-id-2", this.#options.hostId],
      ["date", this.#options.formatDate(this.#options.platform.clock.now())],
      ["server", "Holdfast"],
    ];
  }

  async *#counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const { phases } = this;
    let isWaiting = true;
    phases.wait("body");
    try {
      for await (const piece of body) {
        phases.waited();
        isWaiting = false;
        this.bytesIn += piece.length;
        yield piece;
        isWaiting = true;
        phases.wait("body");
      }
    } finally {
      if (isWaiting) phases.waited();
    }
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
    this.#end?.();
    this.#options.observer?.ended(this);
  }
}

function methodNotAllowed(method: string, target: RequestTarget): S3Error {
  const type = target.kind.toUpperCase();
  return new S3Error("MethodNotAllowed", { details: { Method: method, ResourceType: type } });
}

/** Says so to those alone who might do it: to nobody else does the store tell what it is. */
function notBuilt(name: OperationName): Operation {
  return async (call) => {
    const { kind, bucket, key } = call.target;
    const action = `s3:${name}`;
    if (kind === "service") await permitOwn(call, action, { bucket });
    else await permit(call, action, kind === "object" ? { bucket, key } : { bucket });
    throw new S3Error("NotImplemented", { message: `${name} is not implemented by this store.` });
  };
}

/** Undefined where there is no such bucket, or where the index does not say. */
async function regionOf(
  objects: ObjectStore,
  bucket: string,
): Promise<HeaderList[number] | undefined> {
  try {
    const found = await getBucket(objects, bucket);
    return isRefusal(found) ? undefined : bucketRegionHeader(found);
  } catch {
    return undefined; // what the client asked for was refused already, and that is its answer
  }
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

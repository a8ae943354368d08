import { assert } from "../../base/assert.ts";
import type { Clock } from "../../platform/platform.ts";
import type { HttpResponse } from "../../platform/http.ts";
import { xmlProlog } from "../xml/xml-write.ts";

/**
 * @limit Work that takes longer is answered before its outcome is known: clients and proxies take a
 * long silence for a fault.
 */
export const silenceMsMax = 5000;
/** @limit A space is sent this often from then on. */
const spaceMs = 5000;

const space = Uint8Array.of(0x20);

/**
 * The answer of long work whose body is an XML document. Where it takes long, status 200 and the
 * document's first line are sent, then spaces, then the document itself, which may be an error's:
 * S3 does so, and its clients look for that.
 *
 * @param failed words a failure whose status comes too late.
 */
export async function keepAlive(
  clock: Clock,
  work: Promise<HttpResponse>,
  failed: (thrown: unknown) => HttpResponse,
): Promise<HttpResponse> {
  const response = await within(clock, silenceMsMax, work);
  if (response !== undefined) return response;
  const document = work.catch(failed).then(documentOf);
  return {
    status: 200,
    headers: [["content-type", "application/xml"]],
    body: spacedOut(clock, document),
  };
}

async function* spacedOut(
  clock: Clock,
  document: Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield xmlProlog;
    for (;;) {
      const bytes = await within(clock, spaceMs, document);
      if (bytes === undefined) yield space;
      else return yield bytes.subarray(xmlProlog.length);
    }
  } finally {
    // If the client has left, the request is under way for as long as its work is.
    await document;
  }
}

function documentOf({ body }: HttpResponse): Uint8Array {
  assert(body instanceof Uint8Array, "long work ends in a document");
  return body;
}

/** The result of the work; undefined if it is not done in time. */
async function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = clock.sleep(ms, timer.signal).then(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

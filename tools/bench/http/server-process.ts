// A server that answers 4 KiB to a GET and takes a PUT's body, over node:http or our own HTTP
// server. Sends its parent its port, and when asked the processor time that it has spent.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { HttpServer } from "../../../src/node/http/http-server.ts";
import type { HttpHandler, HttpResponse } from "../../../src/platform/http.ts";

const body = Buffer.alloc(4096, 7);
/** An answer of S3 has as many headers. */
const headers = [
  ["x-amz-request-id", "5F3A1C2B9D8E7F60"],
  ["x-amz-id-2", "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0x1C2v3B4n5M6q7W8e9R0t1Y2"],
  ["date", "Sat, 28 Nov 2026 12:00:00 GMT"],
  ["server", "Holdfast"],
  ["last-modified", "Sat, 28 Nov 2026 11:00:00 GMT"],
  ["etag", '"0cc175b9c0f1b6a831c399e269772661"'],
  ["accept-ranges", "bytes"],
  ["content-type", "application/octet-stream"],
] as const;
const withLength = (bytes: number): (readonly [string, string])[] => [
  ...headers,
  ["content-length", `${bytes}`],
];

function serveNodeHttp(): Promise<number> {
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response.writeHead(200, withLength(body.length).flat());
      response.end(body);
      return;
    }
    request.resume();
    request.on("end", () => {
      response.writeHead(200, withLength(0).flat());
      response.end();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function serveOurs(): Promise<number> {
  const handler: HttpHandler = (request) => {
    if (request.head.method === "GET")
      return { status: 200, headers: withLength(body.length), body };
    return discarded(request.body);
  };
  async function discarded(bytes: AsyncIterable<Uint8Array>): Promise<HttpResponse> {
    for await (const _ of bytes);
    return { status: 200, headers: withLength(0) };
  }
  const where = { host: "127.0.0.1", port: 0, finishMs: () => 0 };
  const server = new HttpServer({ handler, log: () => undefined, ...where });
  void server.run(new AbortController().signal);
  return (await server.listening).port;
}

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send!({ cpuUs: user + system });
});
process.on("disconnect", () => process.exit(0));
process.send!({ port: await (process.argv[2] === "ours" ? serveOurs() : serveNodeHttp()) });

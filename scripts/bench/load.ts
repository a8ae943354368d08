// A load generator in a process of its own. Reads one JSON job a line from standard input, answers one a line.
import { createInterface } from "node:readline";
import { RawConnection } from "./raw-connection.ts";
import { signedRequest } from "./signed-request.ts";

export interface Job {
  readonly host: string;
  readonly port: number;
  readonly method: "GET" | "PUT";
  readonly bucket: string;
  readonly keys: number;
  readonly objectBytes: number;
  readonly connections: number;
  readonly seconds: number;
}

export interface JobResult {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function perform(job: Job): Promise<JobResult> {
  const body = job.method === "PUT" ? Buffer.alloc(job.objectBytes, 7) : undefined;
  // Signed before the clock starts; the same few thousand requests go round.
  const requests = Array.from({ length: job.keys }, (_, i) =>
    signedRequest({
      host: `${job.host}:${job.port}`,
      method: job.method,
      path: `/${job.bucket}/key-${i}`,
      body,
    }),
  );
  const latencies: number[] = [];
  let errors = 0;
  let next = 0;
  const began = performance.now();
  const end = began + job.seconds * 1000;
  await Promise.all(
    Array.from({ length: job.connections }, async () => {
      const connection = await RawConnection.open(job.host, job.port);
      while (performance.now() < end) {
        const sent = performance.now();
        const { status } = await connection.send(requests[next++ % requests.length]!);
        latencies.push(performance.now() - sent);
        if (status !== 200) errors++;
      }
      connection.close();
    }),
  );
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  const seconds = (performance.now() - began) / 1000;
  return { requests: latencies.length, errors, seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await perform(JSON.parse(line) as Job))); // from bench.ts
}

// `npm ci` runs this: it compiles what a server runs into the checkout's compile cache. A process
// that finds its files there starts in half the time, and without Node's compiler for types, which
// each process and each thread would keep as long as it lives (17 MB of memory each).
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

// As in bin/holdfast.js; threads find the folder by the variable.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("../.cache", import.meta.url));
enableCompileCache(process.env["NODE_COMPILE_CACHE"]);

// Imported now, since what was loaded before is not in the cache.
await import("../src/cli/main.ts");
// It waits for its supervisor, which never comes and does not keep this process running.
void import("../src/node/process/worker-main.ts");

const { HashThreads } = await import("../src/node/platform/hash-threads.ts");
const { KernelMemory } = await import("../src/node/platform/kernel-memory.ts");
const memory = KernelMemory.create(8 * 1024 * 1024);
const threads = new HashThreads(memory);
await threads.open(["md5", "crc64nvme"]).digests(); // a thread for each
const { KernelCombiner } = await import("../src/node/platform/combiner.ts");
await new KernelCombiner(memory).combineOffThread([], [], []);

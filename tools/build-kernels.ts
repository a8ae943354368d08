// Builds the WebAssembly kernels: every src/**/kernels/*.as.ts into a .wasm next to it, which is
// committed so that running the store needs no compiler. A test builds them again and compares.
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Sources of kernels, relative to the repository. */
export function kernelSources(): string[] {
  return globSync("src/**/kernels/*.as.ts", { cwd: root }).toSorted();
}

export function kernelBinary(source: string): string {
  return join(root, source.replace(/\.as\.ts$/, ".wasm"));
}

/**
 * Kernels of all threads work in one memory, which its owner makes as large as it wants (here: up
 * to 1 GiB).
 */
const memoryFlags = ["--importMemory", "--sharedMemory", "--maximumMemory", "16384"];

const features = ["simd", "threads", "relaxed-simd"];

/** The bytes of one kernel, built now. */
export function buildKernel(source: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "kernel-"));
  try {
    const output = join(directory, "kernel.wasm");
    const flags = ["--optimize", "--noAssert", "--runtime", "stub", ...memoryFlags];
    for (const feature of features) flags.push("--enable", feature);
    const compiler = join(root, "node_modules/assemblyscript/bin/asc.js");
    const command = [compiler, source, "--outFile", output, ...flags];
    execFileSync(process.execPath, command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (import.meta.main) {
  for (const source of kernelSources()) {
    const bytes = buildKernel(source);
    writeFileSync(kernelBinary(source), bytes);
    console.log(`${source}: ${bytes.length} bytes`);
  }
}

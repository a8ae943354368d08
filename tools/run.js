// Runs a TypeScript script on the Node that the checkout brings, from whatever Node is at hand (14
// or later).
// Usage: node tools/run.js tools/NAME.ts [ARG ...]
import { createRequire } from "node:module";
import { spawnSync } from "node:child_process";

const require = createRequire(import.meta.url);
const wanted = 26;

function checkoutNode() {
  const name = `${process.platform}-${process.arch}`;
  for (const candidate of [`node-${name}`, `node-bin-${name}`]) {
    try {
      return require.resolve(`${candidate}/bin/node`);
    } catch {
      // The other name, or none for this machine.
    }
  }
  return undefined;
}

const own =
  Number(process.versions.node.split(".")[0]) >= wanted ? process.execPath : checkoutNode();
if (own === undefined) {
  const machine = `${process.platform} ${process.arch}`;
  console.error(
    `No Node ${wanted} for ${machine} came with npm: install Node ${wanted} or later and try again.`,
  );
  process.exit(1);
}
// Ctrl-C reaches the script too, which may have something to put away: this process waits for it.
process.on("SIGINT", () => undefined);
const result = spawnSync(own, process.argv.slice(2), { stdio: "inherit" });
process.exit(result.status ?? 1);

#!/usr/bin/env node
// Starts the CLI from whatever Node is at hand (14 or later): the program itself needs Node 26,
// which a checkout brings as a package. This is plain JavaScript of the old kind, so that an old
// Node can read it.
import { spawn } from "child_process";
import { existsSync } from "fs";
import nodeModule, { createRequire } from "module";
import { fileURLToPath } from "url";

const wanted = 26;

// Threads for file operations at least, of which Node has four otherwise: a disk of the server that
// hangs holds up to six of them in the supervisor, and what is asked of the others must not wait
// for that. It is too late for it once the program is read, which knows how many disks there are.
// One that waits for work takes hardly any memory.
const fileThreadsMin = 64;

// Compiled code is kept in the checkout: a start takes half the time with it. Whoever can write
// there can change the program itself, so this gives nobody a new right. Child processes find the
// folder by the variable.
const root = fileURLToPath(new URL("..", import.meta.url));
if (process.env.NODE_COMPILE_CACHE === undefined && existsSync(root + "node_modules")) {
  process.env.NODE_COMPILE_CACHE = root + ".cache";
}

function checkoutNode() {
  const require = createRequire(import.meta.url);
  const machine = process.platform + "-" + process.arch;
  for (const name of ["node-" + machine, "node-bin-" + machine]) {
    try {
      return require.resolve(name + "/bin/node");
    } catch (error) {
      // The other name, or none for this machine.
    }
  }
  return undefined;
}

/**
 * Node cannot replace its process, so this one waits. The channel between them closes when this one
 * is killed, and the child ends then.
 */
function runAgainOn(node) {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(node, [self].concat(process.argv.slice(2)), {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error("cannot run " + node + ": " + error.message);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? code : 1);
  });
}

if (Number(process.versions.node.split(".")[0]) >= wanted) {
  if (process.env.NODE_COMPILE_CACHE) nodeModule.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const inherited = Number(process.env.UV_THREADPOOL_SIZE) || 0;
  process.env.UV_THREADPOOL_SIZE = Math.max(inherited, fileThreadsMin);
  import("../src/cli/main.ts").then(({ main }) => main(process.argv.slice(2)));
} else {
  const node = checkoutNode();
  if (node === undefined) {
    const machine = process.platform + " " + process.arch;
    console.error(
      "Holdfast needs Node " +
        wanted +
        " or later, and this is " +
        process.version +
        ". npm ci brings it for " +
        "most machines, but not for this one (" +
        machine +
        "): install it from nodejs.org and try again.",
    );
    process.exit(1);
  }
  runAgainOn(node);
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDisk } from "../node/disk/disk.ts";
import { createHash } from "../node/platform/hash.ts";
import { createLocalMembers, testMembers } from "./member.suite.ts";

testMembers("on a real disk", createLocalMembers(createHash()), async (work) => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-member-"));
  try {
    await work(openDisk(directory));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

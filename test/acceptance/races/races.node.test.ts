import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HoldfastServer } from "../holdfast-server.ts";
import { Races } from "./races.ts";

test("C2: of racing conditional writes over several workers just one succeeds", async () => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-races-"));
  const server = await HoldfastServer.start([folder], { workers: 2 });
  const races = new Races(server.endpoint);
  try {
    await races.prepare();
    await races.round(64);
  } finally {
    races.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

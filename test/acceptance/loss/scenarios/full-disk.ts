import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { membersIn } from "../file-survey.ts";
import { pickOne, type Scenario, wholeAgain } from "./scenario.ts";

/*
 * A disk that is really full: a file system in memory, whose size is changed while it is used.
 */

const largeSize = "1g";
/** Less than a batch of the load. */
const leftBytes = 64 * 1024;

export const full: Scenario = {
  name: "a disk gets full while extents are written to it: writing goes on elsewhere",
  cannotRun: () => {
    const probe = mkdtempSync(join(tmpdir(), "holdfast-mount-"));
    try {
      mount(probe);
      unmount(probe);
      return undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message.trim() : String(error);
      return `it takes a file system that is mounted, by root on Linux: ${why}`;
    } finally {
      rmdirSync(probe);
    }
  },
  run: async (scene) => {
    const { store, load } = scene;
    const other = pickOne(store.ordinary());
    const disk = `${other}-full`;
    mkdirSync(disk);
    mount(disk);
    const end = (): void => unmount(disk);
    process.once("exit", end);
    await store.command("disk", "add", disk, ...store.labelsLike(other));
    store.added(disk, other);
    await load.during(store.until(`${disk} is used`, () => membersIn(disk).length > 1));

    const { blocks, bfree, bsize } = statfsSync(disk);
    setSize(disk, `${(blocks - bfree) * bsize + leftBytes}`);
    await load.during(
      store.until(`${disk} is full`, ({ disks }) =>
        disks.some(({ name, state }) => name === disk && state === "full"),
      ),
    );
    await scene.meet();
    await scene.readPopulation();
    const note = await scene.healed("with a full disk");

    setSize(disk, largeSize);
    const rest = await wholeAgain(scene);
    await load.during(store.emptyAndRemove(disk));
    store.removed(disk);
    end();
    process.off("exit", end);
    return `${note}; ${rest}`;
  },
};

function mount(directory: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${largeSize}`, "tmpfs", directory], {
    stdio: "pipe",
  });
}

function setSize(directory: string, size: string): void {
  execFileSync("mount", ["-o", `remount,size=${size}`, directory]);
}

/** Also while a process has a file in it open. */
function unmount(directory: string): void {
  execFileSync("umount", ["--lazy", directory]);
}

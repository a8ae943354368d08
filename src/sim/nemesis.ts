import { extentPath } from "../extent/extent-files.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import type { Aim, Fault } from "./faults.ts";
import type { Machine, RunningProcess } from "./machine.ts";
import type { SeededRandom } from "./random.ts";

/** Bits flipped at a time, each anywhere. */
const flips = 32;

/** Lets faults happen to a machine, and heals it in the end. */
export class Nemesis {
  readonly #machine: Machine;
  readonly #random: SeededRandom;
  readonly #undo: (() => void)[] = [];
  readonly #paused = new Set<RunningProcess>();
  crashes = 0;
  readonly counts = new Map<string, number>();
  #armed: (() => void) | undefined;

  constructor(machine: Machine, random: SeededRandom) {
    this.#machine = machine;
    this.#random = random;
  }

  async strike(fault: Fault): Promise<void> {
    const { scheduler } = this.#machine.options;
    const disk = this.#random.pick(this.#machine.disks);
    this.#note(fault.kind);
    switch (fault.kind) {
      case "crash":
        this.#aim(fault.aim, (running) => this.#crash(fault.scope, running));
        break;
      case "pause":
        this.#aim(fault.aim, (running) => this.#pause(fault, running));
        break;
      case "failSyncs":
        disk.syncsInDoubt += fault.count;
        break;
      case "failWrites":
        disk.writesInDoubt += fault.count;
        break;
      case "full":
        disk.capacityBytes = disk.bytesUsed() + this.#random.below(20_000);
        scheduler.after(fault.forMs, () => disk.makeRoom());
        break;
      case "outOfOrder":
        disk.outOfOrder = fault.how;
        scheduler.after(fault.forMs, () => {
          disk.outOfOrder = undefined;
        });
        break;
      case "failIndex":
        this.#machine.engine.fail();
        scheduler.after(fault.forMs, () => this.#machine.engine.recover());
        break;
      case "flipBit":
        for (let i = 0; i < flips; i++) await this.#flipBit();
        break;
      case "stop":
        this.#stop(this.#anyRunning());
        break;
      case "setClock":
        this.#machine.wall.jump(fault.byMs);
        break;
    }
  }

  /** A crash that was aimed at a point nobody passed happens now; then all is well again. */
  heal(): void {
    this.#armed?.();
    for (const running of this.#paused) running.process.resume();
    for (const disk of this.#machine.disks) {
      disk.makeRoom();
      disk.outOfOrder = undefined;
      disk.syncsInDoubt = 0;
      disk.writesInDoubt = 0;
    }
    this.#machine.engine.heal();
    for (const undo of this.#undo.splice(0)) undo();
  }

  /** Does it as some process passes the point; at once where there is none. */
  #aim(aim: Aim | undefined, strike: (running: RunningProcess | undefined) => void): void {
    if (aim === undefined) {
      strike(undefined);
      return;
    }
    this.#armed?.();
    const machine = this.#machine;
    const disarm = (note: string) => {
      machine.onPoint = undefined;
      this.#armed = undefined;
      this.#note(note);
    };
    let passes = this.#random.below(3);
    this.#armed = () => {
      disarm("aimed, and missed");
      strike(undefined);
    };
    machine.onPoint = (running, point, happened) => {
      if (happened !== aim.happened || !point.startsWith(aim.point) || passes-- > 0) return;
      disarm("aimed, and hit");
      strike(running);
    };
  }

  #crash(scope: "power" | "process", aimedAt: RunningProcess | undefined): void {
    const machine = this.#machine;
    const running = aimedAt ?? this.#anyRunning();
    this.crashes++;
    machine.log("nemesis", `crash of ${scope} ${running?.process.name}`);
    if (scope === "power") machine.cutPower();
    else if (running !== undefined) machine.kill(running);
  }

  #pause({ forMs, presumedDead }: Fault & { kind: "pause" }, aimedAt?: RunningProcess): void {
    const machine = this.#machine;
    const running = aimedAt ?? this.#anyRunning();
    if (running === undefined) return;
    running.process.pause();
    this.#paused.add(running);
    machine.log("nemesis", `pause of ${running.process.name} for ${forMs} ms`);
    if (presumedDead) machine.presumeDead(running);
    machine.options.scheduler.after(forMs, () => running.process.resume());
  }

  #stop(running: RunningProcess | undefined): void {
    if (running !== undefined) this.#machine.stop(running);
  }

  #anyRunning(): RunningProcess | undefined {
    const { running } = this.#machine;
    return running.length === 0 ? undefined : this.#random.pick(running);
  }

  async #flipBit(): Promise<void> {
    const { disks, engine } = this.#machine;
    const paths = new Set((await engine.extents()).map(({ id }) => extentPath(id)));
    const disk = this.#random.pick(disks);
    const files = [...disk.files()].filter(([path]) => paths.has(path));
    if (files.length === 0) return;
    const [, inode] = this.#random.pick(files);
    if (inode.length <= extentHeaderBytes || inode.isWaiting) return;
    const offset = this.#random.between(extentHeaderBytes, inode.length - 1);
    const mask = 1 << this.#random.below(8);
    inode.flip(offset, mask);
    this.#undo.push(() => inode.flip(offset, mask));
  }

  #note(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

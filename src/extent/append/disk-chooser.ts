import { must } from "../../base/assert.ts";
import { noLabels } from "../../format/disk-labels.ts";
import { planMembers } from "../../placement/plan-members.ts";
import { createTopology, type PlacementDisk, type Topology } from "../../placement/topology.ts";
import type { Random } from "../../platform/platform.ts";
import { randomFractions } from "../../platform/random-fraction.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import type { ExtentDisks } from "../extent-files.ts";
import { takesNewMembers } from "../mounted-disks.ts";

export interface DiskChooserOptions {
  readonly disks: ExtentDisks;
  readonly random: Random;
}

/** Chooses the disks of new extents by placement, from those that a writer can write to. */
export class DiskChooser {
  readonly #options: DiskChooserOptions;
  readonly #random: () => number;
  #topology: Topology | undefined;

  constructor(options: DiskChooserOptions) {
    this.#options = options;
    this.#random = randomFractions(options.random);
  }

  /** True if new members go to it. */
  isUsable(health: DiskHealth): boolean {
    return health.isWritable && takesNewMembers(this.#options.disks, health.place.id);
  }

  /** True if new members would go to it, but for its state. */
  isMeantForUse(health: DiskHealth): boolean {
    return !health.isRefused && takesNewMembers(this.#options.disks, health.place.id);
  }

  /**
   * So many of the disks, or as many as can be used.
   *
   * @param openOn how many extents are being written on each.
   */
  choose(
    disks: readonly DiskHealth[],
    copies: number,
    openOn: (health: DiskHealth) => number,
  ): readonly DiskHealth[] {
    const usable = disks.filter((health) => this.isUsable(health));
    if (usable.length <= 1) return usable;
    const openMost = Math.max(1, ...disks.map(openOn));
    const known = disks.map((health) => this.#describe(health, openOn(health) / openMost));
    this.#topology = createTopology(known, this.#topology);
    const count = Math.min(copies, usable.length);
    const plan = planMembers(this.#topology, { count, random: this.#random });
    return plan.members.map((id) =>
      must(
        usable.find(({ place }) => place.id === id),
        "a disk that can be used",
      ),
    );
  }

  #describe(health: DiskHealth, load: number): PlacementDisk {
    const { disks } = this.#options;
    const row = disks.rows?.get(health.place.id);
    return {
      disk: health.place.id,
      labels: row?.labels ?? noLabels,
      capacityBytes: row?.capacityBytes ?? 0,
      freeBytes: health.statistics().bytesFree,
      load,
      health: health.isWritable ? "writable" : "readable",
      isDraining: !takesNewMembers(disks, health.place.id),
    };
  }
}

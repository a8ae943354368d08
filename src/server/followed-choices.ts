import type { DiskSurvey } from "../control/redundancy/disk-survey.ts";
import { messageOf } from "../base/errors.ts";
import { createLossCheck } from "../erasure/losses.ts";
import { copiesDefault, type WriteChoice, type WriteChoices } from "../extent/write-choices.ts";
import type { ExtentClass, ShardScheme } from "../format/extent-row.ts";
import type { DiskId } from "../format/ids.ts";
import { extentBytesMax } from "../format/limits.ts";
import type { ChosenSchemeRow } from "../format/scheme-row.ts";
import { storageClasses } from "../format/storage-class.ts";
import { readClassChoice } from "../keymap/chosen-schemes.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { planMembers } from "../placement/plan-members.ts";
import { SchemeChooser } from "../placement/scheme-chooser.ts";
import { schemeNamed } from "../placement/scheme-table.ts";
import type { Platform, Service } from "../platform/platform.ts";
import { isTransient } from "../control/task-loop.ts";

/** @limit How long a choice for a storage class, or a change of the disks, takes to be followed. */
const lookMs = 5000;

export interface FollowedChoicesOptions {
  readonly platform: Pick<Platform, "clock" | "log">;
  readonly keymap: Pick<Keymap, "system">;
  readonly survey: DiskSurvey;
  readonly reserveBytes: number;
  /** False where large records are not coded while they are written, whatever was chosen. */
  readonly mayCodeInline: boolean;
}

/**
 * How extents are written, as operators chose: in how many copies, and whether large records are
 * coded while they are written. Such records have the scheme that they are to have at rest; where
 * the disks allow no code they are written as copies, and the log says so.
 */
export class FollowedChoices implements WriteChoices, Service {
  readonly name = "scheme choices";
  readonly #options: FollowedChoicesOptions;
  readonly #chooser = new SchemeChooser(createLossCheck());
  /** What was chosen, by storage class. */
  #chosen: ReadonlyMap<string, ChosenSchemeRow> = new Map();
  /** The codes of classes whose large records are coded at once. */
  #inline: ReadonlyMap<string, ShardScheme> = new Map();
  /** The classes of which it was chosen, but the disks allow none. */
  #refused: ReadonlySet<string> = new Set();

  constructor(options: FollowedChoicesOptions) {
    this.#options = options;
  }

  of({ storageClass, bucketScheme }: ExtentClass): WriteChoice {
    const name = bucketScheme ?? this.#chosen.get(storageClass)?.scheme;
    const scheme = name === undefined ? undefined : schemeNamed(name)?.scheme;
    const copies = scheme?.kind === "replicated" ? scheme.copies : copiesDefault;
    const inline = bucketScheme === undefined ? this.#inline.get(storageClass) : undefined;
    return { copies, inline };
  }

  async plan(scheme: ShardScheme, exclude: readonly DiskId[]): Promise<readonly DiskId[]> {
    const { survey, reserveBytes } = this.#options;
    const { topology } = await survey.now();
    const { members } = planMembers(topology, {
      count: scheme.data + scheme.parity,
      exclude,
      freeBytesMin: reserveBytes + Math.ceil(extentBytesMax / scheme.data),
      random: survey.random,
    });
    return members;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options.platform;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (thrown) {
        if (!isTransient(thrown)) throw thrown;
        log("warn", "scheme_choices_not_read", { message: messageOf(thrown) });
      }
      await clock.sleep(lookMs, signal);
    }
  }

  /** Looks at what was chosen, and at the disks where it depends on them. */
  async look(): Promise<void> {
    const { keymap, mayCodeInline } = this.#options;
    const chosen = new Map<string, ChosenSchemeRow>();
    for (const storageClass of storageClasses) {
      const row = await readClassChoice(keymap, storageClass);
      if (row !== undefined) chosen.set(storageClass, row);
    }
    this.#chosen = chosen;
    if (mayCodeInline) await this.#lookAtDisks();
  }

  async #lookAtDisks(): Promise<void> {
    const { survey, platform } = this.#options;
    const inline = new Map<string, ShardScheme>();
    const refused = new Set<string>();
    for (const [storageClass, { scheme: name, isInline }] of this.#chosen) {
      if (!isInline) continue;
      const { topology } = await survey.now();
      const choice = this.#chooser.choose(topology, { storageClass, chosen: name });
      const { scheme } = choice.atRest;
      if (scheme.kind === "coded") inline.set(storageClass, scheme);
      else refused.add(storageClass);
      if (scheme.kind === "coded" || this.#refused.has(storageClass)) continue;
      const message = choice.reasons.join(" ");
      const fields = { storageClass, scheme: name, message };
      platform.log("warn", "large_objects_not_coded_inline", fields);
    }
    this.#inline = inline;
    this.#refused = refused;
  }
}

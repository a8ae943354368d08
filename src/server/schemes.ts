import type {
  ClassReport,
  SchemeChoices,
  SchemeChosen,
  SchemePlace,
  SchemeReport,
  SchemesReport,
} from "../admin/scheme-pages.ts";
import { suggestion } from "../base/nearest.ts";
import { isRefusal } from "../base/refusal.ts";
import { decodeBucketRow } from "../format/bucket-row.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { readRow } from "../engine/engine.ts";
import { bucketKey } from "../format/row-keys.ts";
import { isStorageClass, storageClasses } from "../format/storage-class.ts";
import { readBucketNames } from "../keymap/bucket-names.ts";
import {
  changeChosenScheme,
  listChosenSchemes,
  readClassChoice,
} from "../keymap/chosen-schemes.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { chooseScheme, survivalOn } from "../placement/choose-scheme.ts";
import { domainLevels } from "../placement/failure-domain.ts";
import {
  memberCount,
  type NamedScheme,
  overheadOf,
  schemeNamed,
  schemeNames,
  schemeTable,
} from "../placement/scheme-table.ts";
import { type CanLose, survivalText } from "../placement/survival.ts";
import { takesMembers, type Topology } from "../placement/topology.ts";
import type { Clock } from "../platform/platform.ts";

export interface StoredSchemesOptions {
  readonly clock: Clock;
  readonly keymap: Keymap;
  /** The disks as they are now. */
  readonly topology: () => Promise<Topology>;
  readonly canLose: CanLose;
}

/** Which schemes are kept on the disks of a store, and what operators chose. */
export class StoredSchemes implements SchemeChoices {
  readonly #options: StoredSchemesOptions;

  constructor(options: StoredSchemesOptions) {
    this.#options = options;
  }

  async report(): Promise<SchemesReport> {
    const topology = await this.#options.topology();
    const choices = await listChosenSchemes(this.#options.keymap);
    const classes = storageClasses.map((storageClass) => {
      const chosen = choices.find((one) => {
        return one.bucket === undefined && one.storageClass === storageClass;
      });
      return this.#classReport(topology, { storageClass, bucket: undefined }, chosen, chosen);
    });
    const ofBuckets = choices.filter(({ bucket }) => bucket !== undefined);
    const names = ofBuckets.length === 0 ? undefined : await readBucketNames(this.#options.keymap);
    const buckets = ofBuckets.flatMap(({ bucket: id, ...chosen }) => {
      const bucket = names?.get(id!);
      if (bucket === undefined) return []; // deleted meanwhile
      const { storageClass } = chosen;
      return [this.#classReport(topology, { storageClass, bucket }, chosen, chosen)];
    });
    const schemes = schemeTable.map((one) => this.#schemeReport(topology, one, classes));
    return { disks: disksReport(topology), schemes, classes, buckets };
  }

  async choose(
    place: SchemePlace,
    choice: SchemeChosen | undefined,
  ): ReturnType<SchemeChoices["choose"]> {
    const { keymap, clock } = this.#options;
    const { storageClass, bucket: name } = place;
    const wrong = wrongChoice(place, choice);
    if (wrong !== undefined) return { refusal: "invalid", message: wrong };
    const bucket = name === undefined ? undefined : await this.#bucketNamed(name);
    const noBucket = { refusal: "notFound", message: `there is no bucket ${name}` } as const;
    if (name !== undefined && bucket === undefined) return noBucket;
    const row = choice === undefined ? undefined : { ...choice, chosenMs: clock.now() };
    const done = await changeChosenScheme(keymap, { storageClass, bucket }, row);
    if (isRefusal(done)) return noBucket;
    const kept = choice ?? (bucket && (await readClassChoice(keymap, storageClass)));
    return this.#classReport(await this.#options.topology(), place, choice, kept);
  }

  /** `own` was chosen for just this place; `kept` is that, or what was chosen for its class. */
  #classReport(
    topology: Topology,
    { storageClass, bucket }: SchemePlace,
    own: SchemeChosen | undefined,
    kept: SchemeChosen | undefined,
  ): ClassReport {
    const { canLose } = this.#options;
    const choice = chooseScheme(topology, { storageClass, chosen: kept?.scheme, canLose });
    const { write, atRest, wished, survival, writeSurvival, isRedundant, reasons, said } = choice;
    const isInline = kept?.isInline === true && bucket === undefined;
    return {
      storageClass,
      bucket: bucket ?? null,
      chosen: own?.scheme ?? null,
      isInline: isInline && atRest.scheme.kind === "coded",
      write: { copies: write.copies, quorum: write.quorum },
      atRest: atRest.name,
      wished: wished.name,
      survives: survivalText(survival),
      survivesWritten: survivalText(writeSurvival),
      isRedundant,
      reasons,
      said,
    };
  }

  #schemeReport(
    topology: Topology,
    { name, scheme, purpose, repairReads }: NamedScheme,
    classes: readonly ClassReport[],
  ): SchemeReport {
    const members = memberCount(scheme);
    const fits = members <= topology.disks.filter(takesMembers).length;
    const { canLose } = this.#options;
    return {
      name,
      purpose,
      members,
      overhead: overheadOf(scheme),
      repairReads,
      survives: fits ? survivalText(survivalOn(topology, scheme, canLose)) : null,
      keptFor: classes
        .filter(({ atRest }) => atRest === name)
        .map(({ storageClass }) => storageClass),
    };
  }

  async #bucketNamed(name: string) {
    const key = bucketKey(encodeUtf8(name));
    const row = await readRow(this.#options.keymap.system, key);
    return row && { key, id: decodeBucketRow(row.value).id };
  }
}

function wrongChoice(
  { storageClass, bucket }: SchemePlace,
  choice: SchemeChosen | undefined,
): string | undefined {
  const scheme = choice?.scheme;
  if (!isStorageClass(storageClass)) {
    const classes = storageClasses.join(", ");
    return `there is no storage class ${storageClass}${suggestion(storageClass, storageClasses)}: classes are ${classes}`;
  }
  if (scheme !== undefined && schemeNamed(scheme) === undefined) {
    return `there is no scheme ${scheme}${suggestion(scheme, schemeNames)}: see holdfast scheme list`;
  }
  if (choice?.isInline !== true) return undefined;
  if (bucket !== undefined) {
    return "inline coding is chosen for a storage class: choose it without a bucket";
  }
  if (schemeNamed(choice.scheme)?.scheme.kind !== "coded") {
    return `${scheme} is no code: inline coding takes one, such as rs-4-2`;
  }
  return undefined;
}

function disksReport({ disks, tree }: Topology): Readonly<Record<string, number>> {
  const usable = [...disks.keys()].filter((place) => takesMembers(disks[place]!));
  return Object.fromEntries(
    domainLevels.map((level) => {
      return [level, new Set(usable.map((place) => tree.domainOf(level, place))).size];
    }),
  );
}

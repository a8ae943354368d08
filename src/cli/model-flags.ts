import { StoreError } from "../base/errors.ts";
import {
  type BadBatch,
  checkFleet,
  defaultFleet,
  type FailureDomains,
  type Fleet,
  type RepairSpeed,
} from "../model/fleet.ts";
import { type ModelScheme, modelSchemeNamed, shippedSchemes } from "../model/model-scheme.ts";
import type { Flag, GivenFlags } from "./command.ts";

/** What `holdfast model durability` was asked for. */
export interface ModelQuestion {
  readonly schemes: readonly ModelScheme[];
  readonly fleet: Fleet;
  readonly years: number;
  /** Number for each scheme; 0 means the closed form alone. */
  readonly trials: number;
  readonly seed: number;
}

/** @limit A million trials of one scheme take some six seconds, a hundred million ten minutes. */
const trialsMax = 100_000_000;
/** @limit Far above any store, so that a slip of the finger is noticed. */
const disksMax = 10_000_000;

export const modelFlags: readonly Flag[] = [
  {
    name: "scheme",
    value: "NAME[,NAME…]",
    help: "copies-N, rs-DATA-PARITY or lrc-12-2-2 (default: those that Holdfast ships)",
  },
  { name: "disks", value: "N", help: "disks of the store (default 240)" },
  { name: "disk-tb", value: "TB", help: "capacity of a disk (default 16)" },
  { name: "used", value: "SHARE", help: "share of the capacity that is in use (default 80%)" },
  { name: "racks", value: "N", help: "spread each extent over so many racks (default 24)" },
  { name: "zones", value: "N", help: "spread each extent over so many zones, instead of racks" },
  {
    name: "domain-losses",
    value: "RATE",
    help: "how often a year each rack or zone is destroyed (default 0.001)",
  },
  { name: "afr", value: "SHARE", help: "share of the disks that fail in a year (default 2%)" },
  {
    name: "repair-hours",
    value: "H",
    help: "hours in which a lost disk is made again (default: by capacity and --repair-mbps)",
  },
  {
    name: "repair-mbps",
    value: "MB",
    help: "MB/s that each disk gives to repair, read and written (default 30)",
  },
  { name: "scrub-days", value: "D", help: "days in which each disk is read once (default 14)" },
  {
    name: "latent-errors",
    value: "RATE",
    help: "how often a year a disk gets unreadable sectors (default 0.05)",
  },
  {
    name: "bad-batch",
    value: "SHARE:FACTOR",
    help: "disks of a bad batch, and how much oftener they fail, such as 5%:10 (default none)",
  },
  {
    name: "scatter-width",
    value: "N",
    help: `how many others a disk shares extents with (default ${defaultFleet.scatterWidth}, as placement has it)`,
  },
  { name: "years", value: "Y", help: "time that durability is given for (default 1)" },
  {
    name: "trials",
    value: "N",
    help: "Monte Carlo trials for each scheme (default 100000; 0 for the closed form alone)",
  },
  { name: "seed", value: "N", help: "seed of the trials (default 1)" },
];

/** StoreError `invalid` for values that mean nothing, with what would. */
export function modelQuestionOf({ flags }: GivenFlags): ModelQuestion {
  const read = new ModelFlagValues(flags);
  const disks = read.whole("disks", defaultFleet.disks, { min: 1, max: disksMax });
  const fleet: Fleet = {
    disks,
    diskBytes:
      read.number("disk-tb", defaultFleet.diskBytes / 1e12, { min: 0.001, max: 1000 }) * 1e12,
    usedShare: read.share("used", defaultFleet.usedShare, { max: 1 }),
    domains: domainsOf(read, disks),
    annualFailureRate: read.share("afr", defaultFleet.annualFailureRate, { max: 0.99 }),
    repair: repairOf(read),
    scrubDays: read.number("scrub-days", defaultFleet.scrubDays, { min: 0.01, max: 3650 }),
    latentErrorsPerDisk: read.number("latent-errors", defaultFleet.latentErrorsPerDisk, {
      min: 0,
      max: 1e6,
    }),
    batch: batchOf(read),
    scatterWidth: read.whole("scatter-width", defaultFleet.scatterWidth, { min: 1, max: disksMax }),
  };
  const named = read.text("scheme")?.split(",").map(modelSchemeNamed);
  const schemes = named ?? shippedSchemes;
  for (const scheme of schemes) checkFleet(scheme, fleet);
  return {
    schemes,
    fleet,
    years: read.number("years", 1, { min: 1e-6, max: 1e6 }),
    trials: read.whole("trials", 100_000, { min: 0, max: trialsMax }),
    seed: read.whole("seed", 1, { min: 0, max: 0xffff_ffff }),
  };
}

function domainsOf(read: ModelFlagValues, disks: number): FailureDomains {
  if (read.has("zones") && read.has("racks")) {
    throw new StoreError(
      "invalid",
      "the model spreads extents over zones or over racks: give --zones or --racks, not both",
    );
  }
  const kind = read.has("zones") ? "zone" : "rack";
  const { domains } = defaultFleet;
  const some = Math.min(domains.count, disks);
  const count = read.whole(`${kind}s`, some, { min: 1, max: disksMax });
  const rates = { min: 0, max: 1000 };
  const lossesPerYear = read.number("domain-losses", domains.lossesPerYear, rates);
  return { kind, count, lossesPerYear };
}

function repairOf(read: ModelFlagValues): RepairSpeed {
  if (read.has("repair-hours")) {
    if (read.has("repair-mbps")) {
      throw new StoreError(
        "invalid",
        "--repair-mbps says how long repair takes: give it or --repair-hours, not both",
      );
    }
    return { hours: read.number("repair-hours", 0, { min: 1e-3, max: 1e6 }) };
  }
  if (!read.has("repair-mbps")) return defaultFleet.repair;
  const megabytes = read.number("repair-mbps", 0, { min: 1e-3, max: 1e6 });
  return { ...defaultFleet.repair, bytesPerSecondPerDisk: megabytes * 1e6 };
}

function batchOf(read: ModelFlagValues): BadBatch {
  const text = read.text("bad-batch");
  if (text === undefined) return defaultFleet.batch;
  const [share = "", factor = "", ...more] = text.split(":");
  if (more.length > 0 || factor === "") {
    throw new StoreError("invalid", `--bad-batch: "${text}" is not SHARE:FACTOR, such as 5%:10`);
  }
  return {
    share: shareOf("bad-batch", share, { max: 1 }),
    factor: numberOf("bad-batch", factor, { min: 1, max: 1000 }),
  };
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Values of flags, each with what it is if it was not given. */
class ModelFlagValues {
  readonly #flags: GivenFlags["flags"];

  constructor(flags: GivenFlags["flags"]) {
    this.#flags = flags;
  }

  has(name: string): boolean {
    return this.#flags.has(name);
  }

  text(name: string): string | undefined {
    return this.#flags.get(name);
  }

  number(name: string, fallback: number, bounds: Bounds): number {
    const text = this.text(name);
    return text === undefined ? fallback : numberOf(name, text, bounds);
  }

  whole(name: string, fallback: number, bounds: Bounds): number {
    const number = this.number(name, fallback, bounds);
    if (Number.isInteger(number)) return number;
    throw new StoreError("invalid", `--${name}: ${number} is not a whole number`);
  }

  share(name: string, fallback: number, bounds: { readonly max: number }): number {
    const text = this.text(name);
    return text === undefined ? fallback : shareOf(name, text, bounds);
  }
}

function numberOf(name: string, text: string, { min, max }: Bounds): number {
  const number = /^\d*\.?\d+(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new StoreError("invalid", `--${name}: "${text}" is not a number from ${min} to ${max}`);
}

/** `2%` or `0.02`. */
function shareOf(name: string, text: string, { max }: { readonly max: number }): number {
  const [, digits = "", percent] = /^(\d*\.?\d+) ?(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent === "%" ? 100 : 1);
  if (digits !== "" && share > 0 && share <= max) return share;
  throw new StoreError(
    "invalid",
    `--${name}: "${text}" is not a share above 0 and up to ${max * 100}%: ` + "write 2% or 0.02",
  );
}

import type { ClassReport, SchemeReport, SchemesReport } from "../admin/scheme-pages.ts";
import { schemesPath } from "../admin/scheme-pages.ts";
import { StoreError } from "../base/errors.ts";
import { standardClass } from "../format/storage-class.ts";
import { columns, type Command, exitStatus, type Flag, type GivenFlags } from "./command.ts";
import { askAdmin, connectionFlags, connectionOf } from "./connection.ts";

const placeFlags: readonly Flag[] = [
  {
    name: "class",
    value: "CLASS",
    help: `storage class, such as STANDARD_IA (default: ${standardClass})`,
  },
  { name: "bucket", value: "BUCKET", help: "only for the objects of this bucket" },
];
const jsonFlag: Flag = { name: "json", help: "print one line of JSON" };

export const schemeList: Command = {
  name: "scheme list",
  summary: "list storage schemes: their cost, and what each survives on the present disks",
  usage: "scheme list [--json]",
  flags: [...connectionFlags, jsonFlag],
  run: runSchemeList,
};

async function runSchemeList(given: GivenFlags): Promise<number> {
  const report = await readSchemes(given);
  if (given.flags.has("json")) {
    console.log(JSON.stringify({ schemes: report.schemes }));
    return exitStatus.ok;
  }
  const disks = report.disks["disk"] ?? 0;
  const rows = report.schemes.map((one) => [
    one.name,
    String(one.members),
    overheadText(one),
    repairText(one),
    one.survives ?? `takes ${one.members} disks, ${disks} can be used`,
    one.keptFor.join(", "),
  ]);
  const titles = ["SCHEME", "DISKS", "SPACE", "REPAIR READS", "SURVIVES HERE", "KEPT FOR"];
  for (const line of columns([titles, ...rows])) console.log(line);
  return exitStatus.ok;
}

export const schemeExplain: Command = {
  name: "scheme explain",
  summary: "say in which scheme objects are written and kept, what it survives, and why",
  usage: "scheme explain [--class CLASS] [--bucket BUCKET] [--json]",
  flags: [
    { ...placeFlags[0]!, help: "only this storage class" },
    { ...placeFlags[1]!, help: "the choices made for this bucket" },
    ...connectionFlags,
    jsonFlag,
  ],
  run: runSchemeExplain,
};

async function runSchemeExplain(given: GivenFlags): Promise<number> {
  const { flags } = given;
  const report = await readSchemes(given);
  const [storageClass, bucket] = [flags.get("class"), flags.get("bucket")];
  const all = bucket === undefined ? [...report.classes, ...report.buckets] : report.buckets;
  const places = all.filter((one) => {
    const isOfClass = storageClass === undefined || one.storageClass === storageClass;
    return isOfClass && (bucket === undefined || one.bucket === bucket);
  });
  if (places.length === 0) throw new StoreError("invalid", nothingText(report, given));
  if (flags.has("json")) {
    console.log(JSON.stringify({ disks: report.disks, places }));
    return exitStatus.ok;
  }
  console.log(disksText(report));
  for (const place of places) {
    console.log("");
    for (const line of explained(report, place)) console.log(line);
  }
  return exitStatus.ok;
}

export const schemeSet: Command = {
  name: "scheme set",
  summary: "choose the scheme in which objects of a class, or of a bucket, are kept",
  usage: "scheme set NAME [--class CLASS] [--bucket BUCKET] [--inline on|off]",
  operands: ["NAME"],
  flags: [
    ...placeFlags,
    {
      name: "inline",
      value: "on|off",
      help: "code large objects while they are written, not later (default: off)",
    },
    ...connectionFlags,
    jsonFlag,
  ],
  run: (given) => {
    const inline = given.flags.get("inline");
    return change(given, "PUT", { scheme: given.operands[0], inline });
  },
};

export const schemeUnset: Command = {
  name: "scheme unset",
  summary: "take such a choice back: the scheme follows from the disks again",
  usage: "scheme unset [--class CLASS] [--bucket BUCKET]",
  flags: [...placeFlags, ...connectionFlags, jsonFlag],
  run: (given) => change(given, "DELETE"),
};

async function change(given: GivenFlags, method: string, value?: unknown): Promise<number> {
  const { flags } = given;
  const words = [
    flags.get("class") ?? standardClass,
    ...(flags.has("bucket") ? [flags.get("bucket")!] : []),
  ];
  const target = [schemesPath, ...words.map(encodeURIComponent)].join("/");
  const kept = await askAdmin(await connectionOf(given), { method, target, value });
  const place = kept as ClassReport; // the server's answer
  if (flags.has("json")) {
    console.log(JSON.stringify(place));
    return exitStatus.ok;
  }
  console.log(titleOf(place));
  for (const sentence of place.said) console.log(`  ${sentence}`);
  console.log(`  ${place.bucket === null ? ofClassText : ofBucketText}`);
  return exitStatus.ok;
}

const ofClassText =
  "Extents that are coded in another way are coded anew in the background, where the disks allow what is wished for.";
const ofBucketText =
  "New objects follow at once; what is stored already when its extent is compacted, or in the background where no other bucket has the same choice as before.";

async function readSchemes(given: GivenFlags): Promise<SchemesReport> {
  const answer = await askAdmin(await connectionOf(given), { method: "GET", target: schemesPath });
  return answer as SchemesReport; // the server's answer
}

function explained({ schemes }: SchemesReport, place: ClassReport): string[] {
  const scheme = schemes.find(({ name }) => name === place.atRest);
  const rows = [
    ["written as", copiesText(place)],
    ["survives loss of", place.survivesWritten],
    ...(place.isInline
      ? [["large objects", `coded as ${place.atRest} while they are written`]]
      : []),
    ["kept as", place.atRest],
    ["survives loss of", place.survives],
    ["space", scheme === undefined ? "" : `${overheadText(scheme)} of what is stored`],
    ["repair reads", scheme === undefined ? "" : `${repairText(scheme)} of what is rebuilt`],
    ...place.reasons.map((reason) => ["because", reason]),
  ];
  return [titleOf(place), ...columns(rows).map((line) => `  ${line}`)];
}

function titleOf({ storageClass, bucket, chosen }: ClassReport): string {
  const where = bucket === null ? storageClass : `${storageClass} in bucket ${bucket}`;
  return chosen === null ? where : `${where} (${chosen} was chosen)`;
}

function copiesText({ write: { copies, quorum } }: ClassReport): string {
  return copies === 1 ? "1 copy" : `${copies} copies, acknowledged when ${quorum} are synced`;
}

function overheadText({ overhead }: SchemeReport): string {
  return `${overhead.toFixed(2)}x`;
}

function repairText({ repairReads: { usual, most } }: SchemeReport): string {
  return usual === most ? `${usual}x` : `${usual}x (${most}x at most)`;
}

function disksText({ disks }: SchemesReport): string {
  const levels = Object.entries(disks).filter(([level, count]) => level === "disk" || count > 1);
  const counts = levels.map(([level, count]) => `${count} ${level}${count === 1 ? "" : "s"}`);
  return `Disks that take writes: ${counts.reverse().join(" in ")}`;
}

function nothingText({ classes }: SchemesReport, { flags }: GivenFlags): string {
  const bucket = flags.get("bucket");
  if (bucket !== undefined)
    return `nothing was chosen for bucket ${bucket}: what its classes say holds`;
  const names = classes.map(({ storageClass }) => storageClass).join(", ");
  return `there is no storage class ${flags.get("class")}: classes are ${names}`;
}

import type { SeededRandom } from "../../src/platform/seeded-random.ts";
import type { Draft } from "./draft.ts";
import { md5Of } from "./model.ts";
import { oddBuckets, oddKeys, oddTexts, readHeaders, readParameters } from "./oddities.ts";
import { damageXml } from "./xml-faults.ts";

// Faults added to a request before it is signed: it gets past the signature, and on to the code
// that must judge it.

interface DraftFault {
  readonly name: string;
  readonly weight: number;
  readonly fits?: (draft: Draft) => boolean;
  readonly apply: (draft: Draft, random: SeededRandom) => void;
}

const isXml = ({ operation, body }: Draft): boolean =>
  body.length > 0 && !["PutObject", "UploadPart", "PostObject", "other"].includes(operation);

const bucketOf = (path: string): string => path.split("/")[1] ?? "";

const faults: readonly DraftFault[] = [
  {
    name: "key",
    weight: 8,
    apply: (draft, random) => {
      draft.path = `/${bucketOf(draft.path)}/${random.pick(oddKeys)}`;
    },
  },
  {
    name: "bucket",
    weight: 2,
    apply: (draft, random) => {
      const rest = draft.path.split("/").slice(2);
      draft.path = `/${[random.pick(oddBuckets), ...rest].join("/")}`;
    },
  },
  {
    name: "path",
    weight: 1,
    apply: (draft, random) => {
      draft.path = random.pick([
        "",
        "*",
        "a",
        "//",
        `/${draft.path}`,
        `${draft.path}//`,
        `http://127.0.0.1${draft.path}`,
        `${draft.path}#a`,
        draft.path.replace("/", "\\"),
        `/${"%2e/".repeat(300)}`,
      ]);
    },
  },
  {
    name: "parameter",
    weight: 8,
    apply: (draft, random) => {
      const [name, values] = random.pick(readParameters);
      const value = random.chance(0.1) ? undefined : random.pick(values);
      const at = draft.query.findIndex(([other]) => other === name);
      if (at >= 0 && random.chance(0.7)) draft.query[at] = [name, value];
      else draft.query.splice(random.below(draft.query.length + 1), 0, [name, value]);
    },
  },
  {
    name: "parameter twice",
    weight: 1,
    fits: ({ query }) => query.length > 0,
    apply: (draft, random) => {
      draft.query.push([...random.pick(draft.query)]);
    },
  },
  {
    name: "parameter gone",
    weight: 1,
    fits: ({ query }) => query.length > 0,
    apply: (draft, random) => {
      draft.query.splice(random.below(draft.query.length), 1);
    },
  },
  {
    name: "query",
    weight: 1,
    apply: (draft, random) => {
      const odd: Draft["query"] = random.pick([
        [["a".repeat(7000), "b"]],
        [["a", "b".repeat(8192)]],
        Array.from({ length: 101 }, (_, i): [string, string] => [`p${i}`, ""]),
        Array.from({ length: 100 }, (): [string, string] => ["acl", ""]),
        [["", ""]],
        [["&&&&", undefined]],
        [["a=b=c", "d=e"]],
        [["?", "?"]],
      ]);
      draft.query = [...draft.query, ...odd];
    },
  },
  {
    name: "header",
    weight: 10,
    apply: (draft, random) => {
      const [name, values] = random.pick(readHeaders);
      const others = random.chance(0.8)
        ? draft.headers.filter(([other]) => other !== name)
        : draft.headers;
      draft.headers = [...others, [name, random.pick(values)]];
    },
  },
  {
    name: "method",
    weight: 1,
    apply: (draft, random) => {
      draft.method = random.pick([
        "GET",
        "PUT",
        "POST",
        "DELETE",
        "HEAD",
        "OPTIONS",
        "PATCH",
        "PURGE",
      ]);
    },
  },
  {
    name: "many headers",
    weight: 0.3,
    apply: (draft, random) => {
      const count = random.pick([100, 250, 260, 2000]);
      for (let i = 0; i < count; i++) draft.headers.push([`x-amz-meta-${i}`, ""]);
    },
  },
  {
    name: "host",
    weight: 0.5,
    apply: (draft, random) => {
      draft.headers.push([
        "host",
        random.pick(["", "a", "..", "a.b:99999", "[::1]", "\xff", "a/b", "x".repeat(300)]),
      ]);
    },
  },
  {
    name: "xml",
    weight: 12,
    fits: isXml,
    apply: (draft, random) => {
      draft.body = damageXml(draft.body, random);
      // Else it would be refused for its digest.
      const md5 = Buffer.from(md5Of(draft.body), "hex").toString("base64");
      draft.headers = draft.headers.map(([name, value]) => [
        name,
        name === "content-md5" ? md5 : value,
      ]);
    },
  },
  {
    name: "body of another kind",
    weight: 0.5,
    fits: ({ operation }) => operation !== "PostObject",
    apply: (draft, random) => {
      draft.body = Buffer.from(random.pick(["", "x", "\0", "<a/>", "{}", ...oddTexts]), "latin1");
    },
  },
  {
    name: "form bytes",
    weight: 8,
    fits: ({ operation }) => operation === "PostObject",
    apply: (draft, random) => {
      draft.body = damageForm(draft.body, random);
      draft.form = undefined;
    },
  },
];

function damageForm(body: Buffer, random: SeededRandom): Buffer {
  const at = random.below(Math.min(body.length, 1500) + 1);
  const piece = Buffer.from(
    random.pick([
      "\0",
      "\r\n",
      "\r",
      "\n",
      '"',
      "--",
      "----fuzz7MA4YWxk",
      "--\r\n",
      "\xff",
      ";",
      "x".repeat(5000),
      " ",
    ]),
    "latin1",
  );
  switch (random.below(4)) {
    case 0:
      return Buffer.concat([body.subarray(0, at), piece, body.subarray(at)]);
    case 1:
      return body.subarray(0, random.below(body.length + 1));
    case 2:
      return Buffer.concat([body.subarray(0, at), body.subarray(at + random.below(20) + 1)]);
    default: {
      const damaged = Buffer.from(body);
      if (at < damaged.length) damaged[at] = random.below(256);
      return damaged;
    }
  }
}

/** Adds one oddity, where one is found that fits. */
export function addFault(draft: Draft, random: SeededRandom): void {
  const fitting = faults.filter(({ fits }) => fits?.(draft) ?? true);
  let left = random.unit() * fitting.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = fitting.find(({ weight }) => (left -= weight) < 0);
  if (chosen === undefined) return;
  chosen.apply(draft, random);
  draft.faults.push(chosen.name);
}

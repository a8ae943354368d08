import type { SeededRandom } from "../../src/platform/seeded-random.ts";
import { oddDates, oddTexts } from "./oddities.ts";
import type { Wire } from "./wire.ts";
import { headOf } from "./wire.ts";

// Faults between signing and the socket: signatures that do not fit, framing, bytes of the head.

export interface Sent {
  readonly bytes: Buffer;
  /** One whole request: its answer is due, and another may follow on the connection. */
  readonly framed: boolean;
  /** It must be refused: in any case, or by the code that reads its body. */
  readonly mustFail: "always" | "where the body counts" | undefined;
  readonly fault: string | undefined;
}

interface WireFault {
  readonly name: string;
  readonly weight: number;
  readonly fits: (wire: Wire) => boolean;
  readonly apply: (wire: Wire, random: SeededRandom) => Omit<Sent, "fault">;
}

export function plain(wire: Wire): Sent {
  const bytes = Buffer.concat([headOf(wire), ...wire.body]);
  return { bytes, framed: true, mustFail: undefined, fault: undefined };
}

/** Every bit but the one of case: trailer names and hexadecimal lengths of chunks have none. */
const bitsThatMatter = [0, 1, 2, 3, 4, 6, 7];

/** Trailers end with CRLF or LF, and blanks before that mean nothing. */
const withoutLineEnds = (bytes: Buffer): string =>
  bytes.toString("latin1").replace(/[\t ]*\r?\n/g, "\n");

const bodyBytes = ({ body }: Wire): number => body.reduce((sum, { length }) => sum + length, 0);
const hasHeader =
  (name: string) =>
  ({ headers }: Wire): boolean =>
    headers.some(([each]) => each === name);
const isV4 = ({ headers }: Wire): boolean =>
  headers.some(([name, value]) => name === "authorization" && value.startsWith("AWS4"));

function withHeader(wire: Wire, name: string, change: (value: string) => string): Wire {
  const headers = wire.headers.map(([each, value]): [string, string] => [
    each,
    each === name ? change(value) : value,
  ]);
  return { ...wire, headers };
}

/** The change a refusal must follow. */
const refused = (wire: Wire): Omit<Sent, "fault"> => ({
  ...plain(wire),
  mustFail: "always",
});

const otherDigit = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === "0" ? "1" : "0") + text.slice(at + 1);

const isChunked = ({ body, bodySigned }: Wire): boolean => bodySigned && body.length > 1;

/**
 * Cuts only the head, so that a body that nobody vouches for is not stored under another length.
 */
const isSafeToCut = (wire: Wire): boolean => wire.bodySigned || bodyBytes(wire) === 0;

const faults: readonly WireFault[] = [
  {
    name: "signature",
    weight: 3,
    fits: isV4,
    apply: (wire, random) =>
      refused(
        withHeader(wire, "authorization", (value) =>
          otherDigit(value, value.length - 1 - random.below(64)),
        ),
      ),
  },
  {
    name: "presigned signature",
    weight: 3,
    fits: ({ target }) => /X-Amz-Signature=[0-9a-f]{64}$/.test(target),
    apply: (wire, random) => {
      const target = otherDigit(wire.target, wire.target.length - 1 - random.below(64));
      return refused({ ...wire, target });
    },
  },
  {
    name: "authorization",
    weight: 4,
    fits: hasHeader("authorization"),
    apply: (wire, random) => {
      const change = (value: string): string => {
        const parts = value.split(/([ ,;/=:])/);
        const at = random.below(parts.length);
        parts[at] = random.pick([
          "",
          ",",
          "=",
          "/",
          "//",
          "\xff",
          "AWS4",
          "x".repeat(5000),
          ...oddTexts,
        ]);
        return parts.join("");
      };
      return plain(withHeader(wire, "authorization", change));
    },
  },
  {
    name: "presigned query",
    weight: 3,
    fits: ({ target }) => target.includes("X-Amz-Algorithm="),
    apply: (wire, random) => {
      const parts = wire.target.split("&");
      const at = random.below(parts.length - 1) + 1;
      const [name = ""] = (parts[at] ?? "").split("=");
      parts[at] = random.pick([
        name,
        `${name}=`,
        `${name}=${random.pick(oddTexts)}`,
        `${parts[at]}&${parts[at]}`,
      ]);
      return plain({ ...wire, target: parts.join("&") });
    },
  },
  {
    name: "date",
    weight: 2,
    fits: hasHeader("x-amz-date"),
    apply: (wire, random) =>
      refused(
        withHeader(wire, "x-amz-date", () =>
          random.pick([
            "20000101T000000Z",
            "99991231T235959Z",
            "20261332T256199Z",
            "x",
            ...oddDates,
          ]),
        ),
      ),
  },
  {
    name: "body changed",
    weight: 3,
    fits: (wire) => wire.bodySigned && wire.body.length === 1 && bodyBytes(wire) > 0,
    apply: (wire, random) => {
      const [body = Buffer.alloc(0)] = wire.body;
      let changed: Buffer;
      do {
        changed = Buffer.from(body);
        const at = random.below(changed.length);
        changed[at] = changed[at]! ^ (1 << random.pick(bitsThatMatter));
      } while (withoutLineEnds(changed) === withoutLineEnds(body));
      return { ...plain({ ...wire, body: [changed] }), mustFail: "where the body counts" };
    },
  },
  {
    name: "body shorter than declared",
    weight: 6,
    fits: (wire) => bodyBytes(wire) > 0,
    apply: (wire, random) => {
      const whole = Buffer.concat(wire.body);
      const bytes = Buffer.concat([headOf(wire), whole.subarray(0, random.below(whole.length))]);
      return { bytes, framed: false, mustFail: "where the body counts" };
    },
  },
  {
    name: "body longer than declared",
    weight: 3,
    fits: () => true,
    apply: (wire, random) => {
      const more = Buffer.from(
        random.pick(["x", "\0".repeat(3000), "\r\n", "GET / HTTP/1.1\r\n", "x".repeat(70_000)]),
      );
      return { ...plain(wire), bytes: Buffer.concat([plain(wire).bytes, more]), framed: false };
    },
  },
  {
    name: "declared length",
    weight: 3,
    fits: (wire) => isSafeToCut(wire) && hasHeader("content-length")(wire),
    apply: (wire, random) => {
      const length = random.pick([
        "-1",
        "+5",
        "0x5",
        "1e3",
        "",
        "99999999999999999999",
        "5368709121",
        "a",
        "1,1",
        " 3",
        "1 2",
      ]);
      const changed = withHeader(wire, "content-length", () => length);
      return { ...plain(changed), framed: false };
    },
  },
  {
    name: "two framings",
    weight: 3,
    fits: isSafeToCut,
    apply: (wire, random) => {
      const headers: [string, string][] = random.pick([
        [["transfer-encoding", "chunked"]],
        [["transfer-encoding", "chunked, identity"]],
        [["transfer-encoding", "xchunked"]],
        [["transfer-encoding", "gzip, chunked"]],
        [["Transfer-Encoding ", "chunked"]],
        [["content-length", "0"]],
        [["content-length", "1"]],
      ]);
      return { ...plain({ ...wire, headers: [...wire.headers, ...headers] }), framed: false };
    },
  },
  {
    name: "chunk of HTTP",
    weight: 3,
    fits: (wire) => wire.bodySigned && hasHeader("content-length")(wire),
    apply: (wire, random) => {
      const headers = wire.headers.filter(([name]) => name !== "content-length");
      headers.push(["transfer-encoding", "chunked"]);
      const whole = Buffer.concat(wire.body);
      const size = random.pick([
        whole.length.toString(16),
        "zz",
        "-1",
        "FFFFFFFFFFFFFFFFF",
        `${whole.length.toString(16)};a=${"b".repeat(random.below(20_000))}`,
      ]);
      const end = random.pick([
        "0\r\n\r\n",
        "0\r\na: b\r\n\r\n",
        "0\r\n",
        "",
        "0\r\n: x\r\n\r\n",
        `0\r\n${"a: b\r\n".repeat(3000)}\r\n`,
      ]);
      const pieces = [headOf({ ...wire, headers }), `${size}\r\n`, whole, `\r\n${end}`];
      const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
      return { bytes, framed: false, mustFail: undefined };
    },
  },
  {
    name: "aws-chunk",
    weight: 6,
    fits: isChunked,
    apply: (wire, random) => damageChunks(wire, random),
  },
  {
    name: "byte of the head",
    weight: 8,
    fits: isSafeToCut,
    apply: (wire, random) => {
      const head = damageHead(headOf(wire), random);
      return { bytes: Buffer.concat([head, ...wire.body]), framed: false, mustFail: undefined };
    },
  },
  {
    name: "expectation",
    weight: 1,
    fits: () => true,
    apply: (wire, random) => {
      const value = random.pick(["100-continue", "100-Continue", "tea", "", "100-continue, tea"]);
      const headers: [string, string][] = [...wire.headers, ["expect", value]];
      return { ...plain({ ...wire, headers }), framed: false };
    },
  },
];

/**
 * Chunks out of order, twice, gone, or with another line before them: never what was signed, nor
 * what was declared.
 */
function damageChunks(wire: Wire, random: SeededRandom): Omit<Sent, "fault"> {
  const body = [...wire.body];
  const at = random.below(body.length);
  const chunk = body[at] ?? Buffer.alloc(0);
  const line = chunk.indexOf("\r\n");
  const text = chunk.subarray(0, line).toString("latin1");
  const rest = chunk.subarray(line);
  const lines = [
    "",
    "0",
    "-1",
    "FFFFFFFFFFFFFFFF",
    `0${text}x`,
    text.replace(/^./, "g"),
    text.slice(0, -1),
    text.replace(";", " ;; "),
    text + text,
    "x".repeat(100_000),
    text.replace(/=(.)/, (_, digit: string) => `=${digit === "0" ? "1" : "0"}`),
  ];
  switch (random.below(4)) {
    case 0:
      body.splice(at, 1);
      break;
    case 1:
      body.splice(at, 0, chunk);
      break;
    case 2:
      body.splice(at, 1, chunk.subarray(0, random.below(chunk.length)));
      break;
    default:
      body.splice(at, 1, Buffer.concat([Buffer.from(random.pick(lines)), rest]));
  }
  const length = String(bodyBytes({ ...wire, body }));
  const changed = withHeader({ ...wire, body }, "content-length", () => length);
  // An unsigned last chunk may be written in other ways and mean the same, and not every fault fits
  // every line.
  const isLast = at === wire.body.length - 1;
  const isSame = Buffer.concat(body).equals(Buffer.concat(wire.body));
  return {
    ...plain(changed),
    mustFail: isLast || isSame ? undefined : "where the body counts",
    framed: false,
  };
}

function damageHead(head: Buffer, random: SeededRandom): Buffer {
  const at = random.below(head.length);
  const insert = (piece: string): Buffer =>
    Buffer.concat([head.subarray(0, at), Buffer.from(piece, "latin1"), head.subarray(at)]);
  switch (random.below(6)) {
    case 0: {
      const damaged = Buffer.from(head);
      damaged[at] = random.below(256);
      return damaged;
    }
    case 1:
      return insert(String.fromCharCode(random.below(256)));
    case 2:
      return insert(
        random.pick([
          "\r\n",
          "\r",
          "\n",
          "\r\n\r\n",
          "\0",
          ": ",
          "\r\n folded: a",
          "\t",
          "\x7f",
          "\xff",
          "x".repeat(17_000),
        ]),
      );
    case 3:
      return Buffer.concat([head.subarray(0, at), head.subarray(at + 1 + random.below(10))]);
    case 4: {
      const lines = head.toString("latin1").split("\r\n");
      const line = 1 + random.below(Math.max(1, lines.length - 3));
      lines.splice(line, random.below(2), ...(random.chance(0.5) ? [lines[line] ?? ""] : []));
      return Buffer.from(lines.join("\r\n"), "latin1");
    }
    default: {
      const version = random.pick([
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/2.0",
        "HTTP/9.9",
        "http/1.1",
        "HTTP/1.1 ",
        "",
        "ICE/1.0",
      ]);
      return Buffer.from(head.toString("latin1").replace("HTTP/1.1", version), "latin1");
    }
  }
}

export function damageWire(wire: Wire, random: SeededRandom): Sent {
  const fitting = faults.filter(({ fits }) => fits(wire));
  let left = random.unit() * fitting.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = fitting.find(({ weight }) => (left -= weight) < 0);
  return chosen === undefined ? plain(wire) : { ...chosen.apply(wire, random), fault: chosen.name };
}

const garbage: readonly string[] = [
  "",
  "\r\n\r\n\r\n",
  "\0\0\0\0",
  "GET /\r\n",
  "GET / HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.0\r\n\r\n",
  "GET  /  HTTP/1.1\r\nhost: a\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
  "GET http://a/b HTTP/1.1\r\nhost: c\r\n\r\n",
  "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
  "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
  "GET / HTTP/1.1\r\n: a\r\n\r\n",
  "GET / HTTP/1.1\nhost: a\n\n",
  "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
  "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
  "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "SSH-2.0-OpenSSH_9.0\r\n",
  "* LOGIN a b\r\n",
  `GET /${"a".repeat(17_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
  `${"A".repeat(70_000)}`,
  `GET / HTTP/1.1\r\nhost: a\r\n${"a: b\r\n".repeat(3000)}\r\n`,
];

/** No request at all, or hardly one. */
export function garbageSent(random: SeededRandom): Sent {
  const bytes = random.chance(0.5)
    ? Buffer.from(random.pick(garbage), "latin1")
    : Buffer.from(random.bytes(random.below(600)));
  return { bytes, framed: false, mustFail: "always", fault: "garbage" };
}

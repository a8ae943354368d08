/**
 * Words that were retired because another word has their meaning, or because they have another one
 * (ARCHITECTURE.md, Words): each is refused in names, comments, messages and documents.
 */
export interface RetiredWord {
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly instead: string;
  /** Text that the pattern finds. */
  readonly example: string;
  /** Text that is like it and right. */
  readonly right: string;
}

export const retiredWords: readonly RetiredWord[] = [
  {
    pattern: /\w*[a-z]Beside[A-Z]?\w*|\b(?:threads?|hash\w*|work\w*) beside\b/,
    instead: "off thread, by other threads",
    example: "hashedBesideBytesMin",
    right: "tests stand beside the code",
  },
  {
    pattern: /\b[Tt]old(?:[A-Z]\w*)?\b|[a-z]Told\b/,
    instead: "reported, answered, asked, distinguished",
    example: "more than could be told of",
    right: "old or untold",
  },
  {
    pattern: /\b[Rr]ooms?\b|[a-z]Room\b|\broom[A-Z]\w*/,
    instead: "buffer, space, memory",
    example: "hasRoom",
    right: "broom, makeSpace",
  },
  {
    pattern: /\b(?:least|little)[A-Z]\w*/,
    instead: "min…, …Min, free…",
    example: "leastBytesMax",
    right: "at least, little",
  },
  {
    pattern:
      /\b(?:un)?seal(?:ed|s|ing)?(?:-| (?:the |a |its )?)?(?:rows?|secrets?|changes?|keys?|envelopes?)\b(?!\.json)/i,
    instead: "checksum or envelope rows, encrypt secrets, encode changes: extents are sealed",
    example: "sealedSecret",
    right: "sealed extents, sealing-key.json, seal-after",
  },
  {
    pattern: /\bturns?(?:Taken|Shown)\b|\bversioning turns?\b/,
    instead: "versioning number: a turn is the event loop's",
    example: "turnsTaken",
    right: "a turn of the event loop",
  },
  {
    pattern:
      /\bdrain(?:Ms|Bytes)\b|\b[Dd]rain(?:s|ed|ing)? (?:the |a )?(?:server|worker|process|connection|request)/,
    instead: "finish, discard: garbage is drained",
    example: "drains the server",
    right: "drainRestMs, --drain, the garbage drain",
  },
  {
    pattern: /\b[Rr]equest[- ]?[Rr]ecords?\b|\b[Tt]race records?\b/,
    instead: "request entry, trace entry: records are in extents",
    example: "RequestRecord",
    right: "records of an extent",
  },
  {
    pattern: /\bPayloadError\b/,
    instead: "BodyFault",
    example: "new PayloadError(",
    right: "payloadError of a record",
  },
  {
    pattern: /\b(?:un)?signed chunks?\b|\bChunk(?:Signing|edPayload)\b|\bchunkStringToSign\b/,
    instead: "frame: chunks are what objects are stored in",
    example: "signed chunks",
    right: "aws-chunked, chunk-signature",
  },
  {
    pattern: /\b[Uu]pload[- ]?[Bb]od(?:y|ies)\b/,
    instead: "body",
    example: "upload-body.ts",
    right: "the body of an upload",
  },
  {
    pattern: /\bin[-_ ]flight\b|in_flight|\b#?[iI]nFlight|InFlight/,
    instead: "under way",
    example: "--in-flight",
    right: "requests under way",
  },
  {
    pattern: /\bbyte-parts\b|\b(?:Store|Verifier|AccessKeys|Canonical|V2|Signature|Signed)Parts\b/,
    instead: "vectors, options, values: parts are those of multipart uploads",
    example: "interface VerifierParts",
    right: "ListParts, ObjectParts",
  },
];

/** The retired words in a text, each with its line and what to write instead. */
export function retiredWordsIn(text: string): string[] {
  return text.split("\n").flatMap((line, index) =>
    retiredWords.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(line)?.[0];
      return found === undefined ? [] : [`line ${index + 1}: "${found}" is retired (${instead})`];
    }),
  );
}

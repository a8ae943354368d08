import type { WriteCondition } from "../../../src/object/conditions.ts";
import { absent } from "../../../src/sim/key-state.ts";
import {
  errorCodeOf,
  headerOf,
  type SendOptions,
} from "../../../src/node/testing/s3-connection.ts";
import type { Found } from "./reads.ts";
import { type Asked, type HistorySession, type Place } from "./history-session.ts";
import { bytesOf, copyName, etagOf, nameHeader, uploadedName } from "./values.ts";

// What clients write, and what each answer says of the key. A client without an answer may have
// written.

type Headers = NonNullable<SendOptions["headers"]>;

export async function put(
  session: HistorySession,
  place: Place,
  sizeBytes: number,
  condition: WriteCondition,
): Promise<Found | undefined> {
  const name = `${sizeBytes}-${session.nextName()}`;
  const headers: Headers = [[nameHeader, name], ...conditionHeaders(condition)];
  const asked = await session.ask("PUT", pathOf(place), { body: bytesOf(name), headers });
  return written(session, place, asked, { name, condition });
}

/** An upload of one part; only its completion changes the key. */
export async function multipart(
  session: HistorySession,
  place: Place,
  sizeBytes: number,
  condition: WriteCondition,
): Promise<Found | undefined> {
  const name = uploadedName(`${sizeBytes}-${session.nextName()}`);
  const path = pathOf(place);
  const begun = await session.ask("POST", `${path}?uploads=`, { headers: [[nameHeader, name]] });
  const upload = /<UploadId>([^<]+)</.exec(begun?.answer?.body.toString() ?? "")?.[1];
  if (upload === undefined) return undefined;
  const part = await session.ask("PUT", `${path}?partNumber=1&uploadId=${upload}`, {
    body: bytesOf(name),
  });
  const etag = part?.answer && headerOf(part.answer, "etag");
  if (etag === undefined) return undefined;
  const list = `<Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part>`;
  const asked = await session.ask("POST", `${path}?uploadId=${upload}`, {
    body: Buffer.from(`<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`),
    headers: conditionHeaders(condition),
  });
  return written(session, place, asked, { name, condition });
}

/** A copy of just this value: its name says which bytes it has. */
export async function copy(
  session: HistorySession,
  source: Place & { readonly name: string },
  place: Place,
  condition: WriteCondition,
): Promise<Found | undefined> {
  const name = copyName(source.name, session.nextName());
  const etag = etagOf(source.name);
  const asked = await session.ask("PUT", pathOf(place), {
    headers: [
      ["x-amz-copy-source", pathOf(source)],
      ["x-amz-copy-source-if-match", etag],
      ["x-amz-metadata-directive", "REPLACE"],
      [nameHeader, name],
      ...conditionHeaders(condition),
    ],
  });
  const { answer } = asked ?? {};
  if (asked !== undefined && answer !== undefined) {
    const code = errorCodeOf(answer);
    if (answer.status === 200) session.saw(source, asked, { kind: "listed", etag });
    if (code === "NoSuchKey") {
      // It may be said of either, where If-Match asks for an object at the target.
      if (condition.kind !== "ifMatch") session.saw(source, asked, { kind: "read", value: absent });
      return undefined;
    }
    if (code === "PreconditionFailed" && answer.body.includes("x-amz-copy-source-If-Match")) {
      const isOther = { kind: "conditionFailed", condition: { kind: "ifMatch", etag } } as const;
      session.saw(source, asked, isOther);
      return undefined;
    }
  }
  return written(session, place, asked, { name, condition });
}

/** The delete marker, where one was made. */
export async function remove(
  session: HistorySession,
  place: Place,
  condition: WriteCondition,
): Promise<Found | undefined> {
  const marker = session.nextName();
  const headers = conditionHeaders(condition);
  const asked = await session.ask("DELETE", pathOf(place), { headers });
  return written(session, place, asked, { name: absent, marker, condition });
}

export async function removeVersion(
  session: HistorySession,
  place: Place,
  id: string,
): Promise<void> {
  const asked = await session.ask("DELETE", `${pathOf(place)}?versionId=${id}`);
  if (asked === undefined) return;
  const { answer } = asked;
  const step = { kind: "versionRemoved", version: { id } } as const;
  if (answer === undefined) session.mayHave(place, asked, step);
  else if (answer.status === 204) session.saw(place, asked, step);
  else session.complain(asked, "a version was not deleted");
}

export async function setVersioning(
  session: HistorySession,
  bucket: string,
  versioning: "enabled" | "suspended",
): Promise<boolean> {
  const status = versioning === "enabled" ? "Enabled" : "Suspended";
  const xml = `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>`;
  const asked = await session.ask("PUT", `/${bucket}?versioning`, { body: Buffer.from(xml) });
  if (asked === undefined) return false;
  const every = { bucket, key: "*" };
  const step = { kind: "versioningSet", versioning } as const;
  const isDone = asked.answer?.status === 200;
  if (isDone) session.saw(every, asked, step);
  else session.mayHave(every, asked, step);
  return isDone;
}

interface Write {
  /** `absent`: a delete. */
  readonly name: string;
  readonly marker?: string;
  readonly condition: WriteCondition;
}

function written(
  session: HistorySession,
  place: Place,
  asked: Asked | undefined,
  { name, marker, condition }: Write,
): Found | undefined {
  if (asked === undefined) return undefined;
  const { answer } = asked;
  const step = { kind: "write", value: name, marker, condition } as const;
  if (answer === undefined) {
    session.mayHave(place, asked, step);
    return undefined;
  }
  const code = errorCodeOf(answer);
  const versionId = headerOf(answer, "x-amz-version-id");
  if (code === "PreconditionFailed")
    session.saw(place, asked, { kind: "conditionFailed", condition });
  else if (code === "NoSuchKey" && condition.kind === "ifMatch") {
    session.saw(place, asked, { kind: "read", value: absent });
  } else if (code === "ConditionalRequestConflict" || code === "OperationAborted") return undefined;
  // Answers that began before the outcome was known: the status says nothing.
  else if (code === "InternalError" || code === "SlowDown") session.mayHave(place, asked, step);
  else if (code !== undefined || answer.status >= 300) session.complain(asked, "not written");
  else {
    // Deleting what is not there, in a bucket that is not versioned, names no version. A document
    // that was kept alive began before its version was known, so without the header it says
    // nothing.
    const mayBeKeptAlive = versionId === undefined && answer.body.length > 0;
    const isNull = mayBeKeptAlive ? undefined : versionId === undefined || versionId === "null";
    session.saw(place, asked, { ...step, isNull });
    const made = name === absent ? marker : name;
    if (versionId !== undefined && made !== undefined) {
      session.learned(place, versionId, made);
      return { name: made, versionId };
    }
    return name === absent ? undefined : { name, versionId };
  }
  return undefined;
}

function conditionHeaders(condition: WriteCondition): Headers {
  switch (condition.kind) {
    case "always":
      return [];
    case "ifAbsent":
      return [["if-none-match", "*"]];
    case "ifMatch":
      return [["if-match", condition.etag]];
  }
}

function pathOf({ bucket, key }: Place): string {
  return `/${bucket}/${key}`;
}

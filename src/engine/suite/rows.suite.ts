import type { Change, Engine, EngineReader, Row } from "../engine.ts";
import { scanPages } from "../scan-pages.ts";
import { noBytes } from "../../base/bytes.ts";
import { composeId } from "../../format/ids.ts";
import type { ChangeId, SessionId } from "../../format/ids.ts";

/** What a test of an engine gets: an empty engine of its own, and a source of changes. */
export interface Bench {
  readonly engine: Engine;
  readonly changes: ChangeMaker;
}

/** Makes changes with ids that are not used twice. */
export class ChangeMaker {
  #count = 0;

  nextId(): ChangeId {
    return composeId(1 as SessionId, ++this.#count); // a session and its counter make a change id
  }

  change(given: Partial<Omit<Change, "id">>): Change {
    return { id: this.nextId(), checks: [], puts: [], deletes: [], ...given };
  }

  put(...puts: { readonly key: Uint8Array; readonly value: Uint8Array }[]): Change {
    return this.change({ puts });
  }
}

/** Bytes of a text, each character one byte. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

export const everything = { start: noBytes, end: Uint8Array.of(0xff, 0xff, 0xff, 0xff) };

/** All rows, as many scans as it takes. */
export async function allRows(reader: EngineReader, limit = 1000): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const page of scanPages(reader, everything, limit)) rows.push(...page);
  return rows;
}

export function asText(rows: readonly Row[]): string[] {
  return rows.map((row) => `${textOf(row.key)}=${textOf(row.value)}`);
}

// A bug that a test plants to see whether the simulation, or the judgement of a real server's
// histories, finds it. The code marks what upholds a promise with a comment above the statement:
// `// holds: C5 freed-with-change`. A planted bug names the marker and says how the marked
// statement is changed, so it outlives whatever else changes around the statement.

export type Promise = `C${number}`;

export interface PlantedBug {
  readonly name: string;
  /** The promise it breaks, one of its marker's. */
  readonly breaks: Promise;
  /** The name of the marker above the statement that it changes. */
  readonly marker: string;
  readonly change: Change;
}

/** The marked statement without what upholds the promise. */
export type Change = (statement: string) => string;

/** The statement is not there. */
export const leftOut: Change = () => "";

/** The condition of an `if` never holds. */
export const never: Change = (statement) => withCondition(statement, "false && ");

/** The condition of an `if` always holds. */
export const always: Change = (statement) => withCondition(statement, "true || ");

/** A piece of the statement is not there. */
export const without = (piece: string): Change => replaced(piece, "");

/** A piece of the statement is another. */
export const replaced =
  (piece: string, by: string): Change =>
  (statement) => {
    const places = statement.split(piece).length - 1;
    if (places === 1) return statement.replace(piece, () => by);
    throw new Error(`"${piece}" stands ${places} times in: ${statement}`);
  };

/** The statement assigns this, or a property has this value. */
export const set =
  (value: string): Change =>
  (statement) => {
    const parts = /^([^=:]*(?::[^=,]*)?=|[^:]*:)\s.*([;,])$/s.exec(statement);
    if (parts === null) throw new Error(`neither assignment nor property: ${statement}`);
    return `${parts[1]} ${value}${parts[2]}`;
  };

/** The statement is another. */
export const instead =
  (by: string): Change =>
  () =>
    by;

function withCondition(statement: string, first: string): string {
  const open = statement.indexOf("(");
  if (!statement.startsWith("if (")) throw new Error(`not an if: ${statement}`);
  let depth = 0;
  for (let i = open; i < statement.length; i++) {
    if (statement[i] === "(") depth++;
    else if (statement[i] === ")" && --depth === 0) {
      const condition = statement.slice(open + 1, i);
      return `if (${first}(${condition}))${statement.slice(i + 1)}`;
    }
  }
  throw new Error(`its condition does not end: ${statement}`);
}

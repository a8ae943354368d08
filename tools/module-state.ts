/**
 * State at module level is shared by all tests of a process and by all simulated nodes, and nobody
 * owns it. A constant is state where its value can change: an object of a class, a Map or Set that
 * is not declared read-only, an array or object that is written after it was made.
 */
export const allowedState: Readonly<Record<string, string>> = {
  "src/format/codec.ts slab":
    "memory for new values alone: nothing is read through it, and each writer would need one",
  "src/node/http/byte-classes.ts classes": "a table that the module fills as it is loaded",
  "src/node/platform/hash-thread-main.ts memory": "the main module of a thread",
  "src/node/platform/hash-thread-main.ts md5": "the main module of a thread",
  "src/node/platform/hash-thread-main.ts hashings": "the main module of a thread",
  "src/node/platform/combine-thread-main.ts kernel": "the main module of a thread",
  "src/node/process/worker-main.ts channel": "the main module of a process",
};

export function isAllowedState(path: string, name: string): boolean {
  return `${path} ${name}` in allowedState;
}

/** Objects of these never change. */
const fixedClasses = /^(TextEncoder|TextDecoder|RegExp|URL|Error)$/;
/** Made here, changed only by a statement that says so. */
const plainClasses = /^(\w*Array|DataView)$/;
const writingMethods =
  "push|pop|shift|unshift|splice|sort|reverse|fill|set|copy|copyWithin|write\\w*";

/** Names of the module's variables whose value can change. */
export function moduleState(text: string): string[] {
  const variables = [...text.matchAll(/^(?:export )?(?:let|var) (\w+)/gm)].map(([, name]) => name!);
  const constants = text.matchAll(/^(?:export )?const (\w+)(?:: ([^=]*?))? =\s(?:\s*)([^\n]*)/gm);
  const changing = [...constants].filter(([, name, type = "", value = ""]) => {
    if (/^(?:async )?(?:\(|<|function\b|\w+ =>)/.test(value)) return false;
    const made = /^new (\w+)/.exec(value)?.[1] ?? "";
    if (made === "" || plainClasses.test(made)) return isWritten(text, name!);
    if (fixedClasses.test(made)) return false;
    return !(/^(Map|Set)$/.test(made) && /^Readonly(Map|Set)</.test(type));
  });
  return [...variables, ...changing.map(([, name]) => name!)];
}

/** True if a statement assigns to what is in the variable, or calls a method that changes it. */
function isWritten(text: string, name: string): boolean {
  const target = `(?<![.\\w])${name}!?(?:\\.\\w+|\\[[^\\]]*\\])+!?`;
  const assigned = new RegExp(`${target}\\s*(?:\\+\\+|--|(?:[-+*/%&|^]|\\?\\?|<<|>>>?)?=(?![=>]))`);
  const called = new RegExp(`(?<![.\\w])${name}\\.(?:${writingMethods})\\(`);
  return assigned.test(text) || called.test(text);
}

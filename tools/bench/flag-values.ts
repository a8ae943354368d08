/** Values of flags; a fault of one is reported with the flag's name. */
export function oneOf<T extends string>(flag: string, names: readonly T[], name: string): T {
  const found = names.find((each) => each === name);
  if (found === undefined) throw new Error(`--${flag} "${name}": it is one of ${names.join(", ")}`);
  return found;
}

export function whole(flag: string, text: string, least = 1): number {
  const value = number(flag, text, { least, most: 2 ** 40 });
  if (!Number.isInteger(value)) throw new Error(`--${flag} "${text}" is not a whole number`);
  return value;
}

export function number(flag: string, text: string, range: { least: number; most: number }): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= range.least && value <= range.most) return value;
  throw new Error(`--${flag} "${text}" is not a number from ${range.least} to ${range.most}`);
}

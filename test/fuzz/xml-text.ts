// Reads documents whose form was checked before.

/** The text of the first element of that name, references resolved. */
export function elementText(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : resolved(text);
}

/** The contents of each element of that name. */
export function elementsOf(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}>(.*?)</${name}>`, "gs");
  return [...xml.matchAll(pattern)].map(([, inner = ""]) => inner);
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

function resolved(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|(\w+));/g, (_, hex?: string, name?: string) =>
    hex === undefined ? (named[name ?? ""] ?? "") : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}

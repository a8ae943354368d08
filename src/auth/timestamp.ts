/** Times as Signature V4 writes them: 20130524T000000Z, always UTC. */

export function formatTimestamp(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** Milliseconds since 1970, or undefined where the text is no such time. */
export function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const date = new Date(Date.UTC(year!, month! - 1, day, hour, minute, second));
  // The 31st of April would have become the 1st of May, 24:00 the next day, 10:60 eleven.
  const exact = date.getUTCMonth() === month! - 1 && date.getUTCDate() === day;
  const clock = date.getUTCHours() === hour && date.getUTCMinutes() === minute && second! < 60;
  return exact && clock ? date.getTime() : undefined;
}

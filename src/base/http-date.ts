const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const clock = "(\\d{1,2}):(\\d{2})(?::(\\d{2}))?";
const zone = "([A-Z]{1,3}|(?:GMT|UTC)?[+-]\\d{2}:?\\d{2})";
/**
 * RFC 9110, section 5.6.7: what is sent, and the two obsolete forms that must still be read.
 * Clients write the first with the freedom of mail (RFC 5322, sections 3.3 and 4.3): other zones,
 * digits and weekdays left out.
 */
const imf = new RegExp(`^(?:[A-Z][a-z]{2}, ?)?(\\d{1,2}) (\\w{3}) (\\d{4}) ${clock} ${zone}$`);
const rfc850 = new RegExp(`^\\w{6,9}, (\\d{2})-(\\w{3})-(\\d{2}) ${clock} ${zone}$`);
const asctime = new RegExp(`^\\w{3} (\\w{3}) ([ \\d]?\\d) ${clock} (?:${zone} )?(\\d{4})$`);

/** Mail's names of zones, in hours from UTC: what else a client calls its zone is not known. */
const zoneHours: ReadonlyMap<string, number> = new Map([
  ["GMT", 0],
  ["UTC", 0],
  ["UT", 0],
  ["Z", 0],
  ["EDT", -4],
  ["EST", -5],
  ["CDT", -5],
  ["CST", -6],
  ["MDT", -6],
  ["MST", -7],
  ["PDT", -7],
  ["PST", -8],
]);

/** Milliseconds since 1970, or undefined where the text is not a date of HTTP. */
export function parseHttpDate(text: string): number | undefined {
  const modern = imf.exec(text) ?? rfc850.exec(text);
  if (modern !== null) {
    const [, day, month, year, hour, minute, second = "0", zoneName] = modern;
    return toMs([fullYear(year!), month!, day!, hour!, minute!, second], zoneName);
  }
  const old = asctime.exec(text);
  if (old === null) return undefined;
  const [, month, day, hour, minute, second = "0", zoneName, year] = old;
  return toMs([year!, month!, day!, hour!, minute!, second], zoneName);
}

/** Two digits: POSIX's rule, 69 … 99 are of the last century. */
function fullYear(year: string): string {
  if (year.length === 4) return year;
  return Number(year) >= 69 ? `19${year}` : `20${year}`;
}

type Fields = readonly [string, string, string, string, string, string];

function toMs(fields: Fields, zoneName = "GMT"): number | undefined {
  const [year, monthName, day, hour, minute, second] = fields;
  const month = months.indexOf(monthName);
  const offsetMinutes = zoneMinutes(zoneName);
  if (month < 0 || offsetMinutes === undefined) return undefined;
  const ms = Date.UTC(
    Number(year),
    month,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const inRange = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  if (!inRange || new Date(ms).getUTCDate() !== Number(day)) return undefined;
  return ms - offsetMinutes * 60_000;
}

/** Minutes that a zone is east of UTC. */
function zoneMinutes(name: string): number | undefined {
  const hours = zoneHours.get(name);
  if (hours !== undefined) return hours * 60;
  const [, sign, hour, minute] = /([+-])(\d{2}):?(\d{2})$/.exec(name) ?? [];
  if (sign === undefined || Number(hour) > 23 || Number(minute) > 59) return undefined;
  return (sign === "-" ? -1 : 1) * (Number(hour) * 60 + Number(minute));
}

/** A formatHttpDate for the time of day, which is the same for all that happens in a second. */
export function createHttpDates(): (ms: number) => string {
  let second = Number.NaN;
  let text = "";
  return (ms) => {
    const now = Math.floor(ms / 1000);
    if (now !== second) [second, text] = [now, formatHttpDate(ms)];
    return text;
  };
}

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const twoDigits = Array.from({ length: 61 }, (_, i) => String(i).padStart(2, "0"));

/**
 * `Sun, 06 Nov 1994 08:49:37 GMT`; milliseconds are cut off. By hand: 0.2 µs instead of the
 * built-in's 0.4 to 0.9.
 */
export function formatHttpDate(ms: number): string {
  const time = new Date(ms);
  const day = `${days[time.getUTCDay()]}, ${twoDigits[time.getUTCDate()]}`;
  const date = `${day} ${months[time.getUTCMonth()]} ${String(time.getUTCFullYear()).padStart(4, "0")}`;
  const [hours, minutes] = [twoDigits[time.getUTCHours()], twoDigits[time.getUTCMinutes()]];
  return `${date} ${hours}:${minutes}:${twoDigits[time.getUTCSeconds()]} GMT`;
}

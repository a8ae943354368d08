const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const clock = "(\\d{2}):(\\d{2}):(\\d{2})";
/**
 * RFC 9110, section 5.6.7: what is sent, and the two obsolete forms that must still be read. Mail's way to write the first
 * (a day of one digit, `+0000`) comes from clients that sign their `Date`.
 */
const imf = new RegExp(`^\\w{3}, (\\d{1,2}) (\\w{3}) (\\d{4}) ${clock} (?:GMT|\\+0000)$`);
const rfc850 = new RegExp(`^\\w{6,9}, (\\d{2})-(\\w{3})-(\\d{2}) ${clock} GMT$`);
const asctime = new RegExp(`^\\w{3} (\\w{3}) ([ \\d]\\d) ${clock} (\\d{4})$`);

/** Milliseconds since 1970, or undefined where the text is not a date of HTTP. */
export function parseHttpDate(text: string): number | undefined {
  const modern = imf.exec(text) ?? rfc850.exec(text);
  if (modern !== null) {
    const [, day, month, year, hour, minute, second] = modern;
    return toMs([fullYear(year!), month!, day!, hour!, minute!, second!]);
  }
  const old = asctime.exec(text);
  if (old === null) return undefined;
  const [, month, day, hour, minute, second, year] = old;
  return toMs([year!, month!, day!, hour!, minute!, second!]);
}

/** Two digits: POSIX's rule, 69 … 99 are of the last century. */
function fullYear(year: string): string {
  if (year.length === 4) return year;
  return Number(year) >= 69 ? `19${year}` : `20${year}`;
}

function toMs([year, monthName, day, hour, minute, second]: readonly [
  string,
  string,
  string,
  string,
  string,
  string,
]): number | undefined {
  const month = months.indexOf(monthName);
  if (month < 0) return undefined;
  const ms = Date.UTC(
    Number(year),
    month,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const inRange = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  return inRange && new Date(ms).getUTCDate() === Number(day) ? ms : undefined;
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

/** `Sun, 06 Nov 1994 08:49:37 GMT`; milliseconds are cut off. By hand: 0.2 µs instead of the built-in's 0.4 to 0.9. */
export function formatHttpDate(ms: number): string {
  const time = new Date(ms);
  const day = `${days[time.getUTCDay()]}, ${twoDigits[time.getUTCDate()]}`;
  const date = `${day} ${months[time.getUTCMonth()]} ${String(time.getUTCFullYear()).padStart(4, "0")}`;
  const [hours, minutes] = [twoDigits[time.getUTCHours()], twoDigits[time.getUTCMinutes()]];
  return `${date} ${hours}:${minutes}:${twoDigits[time.getUTCSeconds()]} GMT`;
}

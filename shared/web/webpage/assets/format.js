// How both consoles write numbers, money, times and plurals. The pages are in English, so the forms are British English whatever the
// reader's browser prefers: 1,846 and 14:03:21 stand beside English words.
const locale = "en-GB";
const whole = new Intl.NumberFormat(locale);
const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });

/** number writes a whole number: 1,846. */
export const number = (n) => n == null ? "–" : whole.format(n);
/** compact writes a number for an axis: 2k. */
export const compact = (n) => Math.abs(n) < 10000 ? whole.format(n) : short.format(n).replace("K", "k");
/** decimal writes a number with at most so many decimals. */
export const decimal = (n, digits = 1) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(n);
/** plural writes a number with its noun: 1 message, 2 messages. */
export const plural = (n, one, many = one + "s") => `${number(n)} ${n === 1 ? one : many}`;
/** percent writes a ratio: 0.66 is 66 %. */
export const percent = (ratio) => `${decimal(ratio * 100, Math.abs(ratio) < 0.1 ? 1 : 0)} %`;
/** bytes writes a size: 1.4 MB. */
export const bytes = (n) => {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; n >= 1000 && unit < units.length - 1; unit++) n /= 1000;
  return `${decimal(n, unit ? 1 : 0)} ${units[unit]}`;
};

const currencies = new Map();
const formatOf = (currency, compactly) => {
  const key = currency + compactly;
  if (!currencies.has(key)) {
    try {
      const format = new Intl.NumberFormat(locale, { style: "currency", currency });
      const digits = format.resolvedOptions().maximumFractionDigits;
      currencies.set(key, compactly
        ? { digits, format: new Intl.NumberFormat(locale, { style: "currency", currency, notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 }) }
        : { digits, format });
    } catch {
      currencies.set(key, null); // no currency that the browser knows: its minor units are written
    }
  }
  return currencies.get(key);
};
/** money writes minor units of a currency: £31,209.38. */
export const money = (currency, minor) => {
  const known = formatOf(currency, false);
  return known ? known.format.format(minor / 10 ** known.digits).replace("-", "−") : `${number(minor)} ${currency}`;
};
/** shortMoney writes minor units of a currency for an axis: £16k. */
export const shortMoney = (currency, minor) => {
  const known = formatOf(currency, true);
  return known ? known.format.format(minor / 10 ** known.digits).replace("K", "k") : compact(minor);
};
/** symbolOf returns the symbol of a currency, or nothing: £. */
export const symbolOf = (currency) => {
  const known = formatOf(currency, false);
  const symbol = known?.format.formatToParts(0).find((part) => part.type === "currency")?.value;
  return symbol && symbol !== currency ? symbol : "";
};

const times = new Map();
const timeFormat = (options) => {
  const key = JSON.stringify(options);
  if (!times.has(key)) {
    try {
      times.set(key, new Intl.DateTimeFormat(locale, options));
    } catch { // no zone that the browser knows; the service says so
      times.set(key, new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" }));
    }
  }
  return times.get(key);
};
const instant = (t) => t instanceof Date ? t : new Date(t);
/** clock writes a time of day in a zone: 14:03:21, or 14:03 to the minute. zone is the browser's if it is left out. */
export const clock = (t, zone, toTheMinute) =>
  timeFormat({ hour: "2-digit", minute: "2-digit", ...(!toTheMinute && { second: "2-digit" }), hourCycle: "h23", timeZone: zone }).format(instant(t));
/** dateOf returns the day of an instant in a zone: 2026-11-27. */
export const dateOf = (t, zone) => {
  const parts = Object.fromEntries(timeFormat({ year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone }).formatToParts(instant(t)).map((p) => [p.type, p.value]));
  return `${parts.year}-${parts.month}-${parts.day}`;
};
/** when writes an instant: the time alone if it is of today, else with its day: 14:03:21, or 26 Nov, 14:03:21. */
export const when = (t, zone, now = Date.now()) => {
  const day = dateOf(t, zone), today = dateOf(now, zone);
  if (day === today) return clock(t, zone);
  return `${shortDay(day, day.slice(0, 4) !== today.slice(0, 4))}, ${clock(t, zone)}`;
};
const dayFormat = (day, options) => timeFormat({ ...options, timeZone: "UTC" }).format(new Date(day + "T00:00:00Z")).replace(",", "");
/** shortDay writes a day: 27 Nov, with the year if it is wanted. */
export const shortDay = (day, year) => dayFormat(day, { day: "numeric", month: "short", ...(year && { year: "numeric" }) }).replace("Sept", "Sep");
/** weekday writes a day with its weekday: Fri 27 Nov. */
export const weekday = (day, year) => dayFormat(day, { weekday: "short", day: "numeric", month: "short", ...(year && { year: "numeric" }) }).replace("Sept", "Sep");
/** longDay writes a day in full: Friday 27 November. */
export const longDay = (day, year) => dayFormat(day, { weekday: "long", day: "numeric", month: "long", ...(year && { year: "numeric" }) });
/** monthName writes a month: November 2026. It takes YYYY-MM or a day. */
export const monthName = (month) => dayFormat(month.slice(0, 7) + "-01", { month: "long", year: "numeric" });
/** addDays returns the day so many days later. */
export const addDays = (day, n) => new Date(Date.parse(day + "T00:00:00Z") + n * 86400e3).toISOString().slice(0, 10);
/** daysBetween returns how many days later the second one is. */
export const daysBetween = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / 86400e3);

/** duration writes seconds in two units at most: 340 ms, 12 s, 16 min 53 s, 2 h 5 min, 9 days. */
export const duration = (seconds) => {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${decimal(seconds, 1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min` + (s % 60 ? ` ${s % 60} s` : "");
  const minutes = Math.round(s / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h` + (minutes % 60 ? ` ${minutes % 60} min` : "");
  return plural(Math.round(minutes / 1440), "day");
};

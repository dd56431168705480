// What the answers about days have in common: a count, and a figure for each measure, which is a number or numbers by currency.
import { html, number, money, shortMoney, compact, plural, symbolOf } from "/assets/console.js";

// The members of an answer that are no figures.
const own = new Set(["activity", "day", "week", "month", "tz", "count", "first", "last", "stats", "dimensions", "hours", "hour", "minute", "minutes",
  "as_of", "lag", "final", "partial", "unavailable", "starts_at", "value", "rest", "not_told_apart", "from", "to", "by"]);

export const isMoney = (value) => typeof value === "object" && value !== null;
/** measuresOf returns the figures of an answer besides its count: [name, value]. */
export const measuresOf = (answer) => Object.entries(answer ?? {}).filter(([name]) => !own.has(name));

const nouns = { ORDER_CREATED: ["order", "orders"], ORDER_CANCELLED: ["cancellation", "cancellations"] };
/** nounOf returns what an activity counts: [one, many]. */
export const nounOf = (activity) => nouns[activity] ?? ["event", "events"];
/** titleOf writes the name of an activity or a measure as a title: Orders, Page viewed, Revenue. */
export const titleOf = (name) => {
  const text = nouns[name]?.[1] ?? name.toLowerCase().replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
};
/** counted writes so many of what an activity counts: 1 order, 80 orders. */
export const counted = (n, activity) => plural(n, ...nounOf(activity));

/** currenciesOf returns the currencies in answers, that with the most events first. */
export const currenciesOf = (answers) => {
  const weight = new Map();
  for (const answer of answers) {
    for (const [name, value] of measuresOf(answer)) {
      if (!isMoney(value)) continue;
      for (const [currency, amount] of Object.entries(value)) {
        weight.set(currency, (weight.get(currency) ?? 0) + (answer.stats?.[name]?.[currency]?.count ?? (amount > 0 ? 0.5 : 0)));
      }
    }
  }
  return [...weight.keys()].sort((a, b) => weight.get(b) - weight.get(a) || (a < b ? -1 : 1));
};
/** currencyLabel writes a currency with its symbol: GBP £. */
export const currencyLabel = (currency) => [currency, symbolOf(currency)].filter(Boolean).join(" ");

/**
 * figuresOf returns what there is to show of an activity, the most telling first: its sums of money, its count, what is distinct, the mean, other sums.
 * A figure is { id, title, of(answer), write, axis, adds }: of returns its value in an answer, or undefined where it is not known; adds says whether
 * values of parts add up to that of the whole.
 */
export const figuresOf = (activity, sample, currency) => {
  const count = { id: "count", title: titleOf(activity.endsWith("_CREATED") || activity === "ORDER_CANCELLED" ? activity : "Events"), of: (a) => a?.count, write: number, axis: compact, adds: true };
  const moneys = [], distinct = [], means = [], sums = [];
  for (const [name, value] of measuresOf(sample)) {
    const title = titleOf(name), stats = sample.stats?.[name];
    if (isMoney(value)) {
      if (!currency) continue;
      const write = (minor) => minor == null ? "–" : money(currency, minor);
      const axis = (minor) => shortMoney(currency, minor);
      moneys.push({ id: name, title, of: (a) => a?.[name] && (a[name][currency] ?? 0), write, axis, adds: true, currency });
      means.push({
        id: name + "-mean", title: activity === "ORDER_CREATED" && name === "revenue" ? "Average order" : "Average " + title.toLowerCase(), write, axis, adds: false, currency,
        of: (a) => a?.stats && Math.round(a.stats[name]?.[currency]?.mean ?? 0),
      });
    } else if (stats && "exact" in stats) {
      distinct.push({ id: name, title, of: (a) => a?.[name], write: (n) => (n == null ? "–" : number(n)), axis: compact, adds: false, estimated: stats.exact === false });
    } else {
      sums.push({ id: name, title: activity.startsWith("ORDER_") && name === "items" ? "Lines" : title, of: (a) => a?.[name], write: number, axis: compact, adds: true });
    }
  }
  sums.sort((a, b) => (a.id === "items") - (b.id === "items")); // lines of orders say less than units
  return [...moneys, count, ...distinct, ...means, ...sums];
};

/** Digits shows the digits of a number. The separators are drawn, so that its text is digits only. */
export const Digits = ({ id, n }) => {
  const parts = number(n).split(",");
  return html`<span id=${id} class="digits">${parts.map((part, i) => i ? html`<span class="thousand">${part}</span>` : part)}</span>`;
};

// The words of the glossary as the orders console writes them, and the addresses of its parts.
import { html, to, clock, dateOf, when, Badge } from "/assets/console.js";

/** zone is the reader's own: orders have no other. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** activity is the address of the statistics console, without a slash at its end, or "". */
export const activity = document.documentElement.dataset.activity.replace(/\/+$/, "");
/** messageIn leads to what the statistics know of a message. */
export const messageIn = (id, order) => `${activity}/?${new URLSearchParams({ message: id, order })}`;
/** orderAt is the address of one order. */
export const orderAt = (id) => to({ id }, "/");
/** shortID shows the ends of an id: the first part tells the time, the last one tells orders of one moment apart. */
export const shortID = (id) => `${id.slice(0, 8)}…${id.slice(-4)}`;

const millis = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
/** preciseClock writes a time of day to the millisecond: 13:51:07.412. */
export const preciseClock = (t) => millis.format(new Date(t));
/** dayOf writes the day of an instant, or "" if it is today. */
export const dayOf = (t) => dateOf(t) === dateOf(Date.now()) ? "" : when(t).split(",")[0];
export { clock };

const failures = {
  too_large: ["Too large", "Raise the topic's message limit (max.message.bytes), then retry."],
  invalid: ["Invalid", "Kafka takes no such record on this topic. See the last error, mend the topic's settings, then retry."],
  refused: ["Refused", "See the last error. Retry when its cause is gone."],
  timeout: ["Timed out", "See whether all brokers are well, then retry."],
  unavailable: ["Unavailable", "See whether all partitions have a leader, then retry."],
  fenced: ["Fenced", "Another service took over. See the incidents, then retry."],
  unauthorized: ["Not allowed", "Give the service the right to write to the topic, then retry."],
  other: ["Other failure", "See the last error. Retry when its cause is gone."],
};
/** failureOf writes the class of a failure; adviceFor says what to do about it. */
export const failureOf = (name) => failures[name]?.[0] ?? name;
export const adviceFor = (name) => failures[name]?.[1] ?? failures.other[1];

const publications = {
  pending: ["Pending", "watch", "clock"],
  waiting: ["Waiting", "watch", "clock"],
  published: ["Published", "quiet good", "check"],
  parked: ["Parked", "act", "alert"],
  discarded: ["Discarded", "", "cross"],
};
/** Publication says how far an order's message got. Normal is quiet. */
export const Publication = ({ state, loud }) => {
  const [word, tone, icon] = publications[state] ?? [state, "", ""];
  return html`<${Badge} tone=${loud && state === "published" ? "good" : tone} icon=${icon}>${word}<//>`;
};
/** Status says whether an order is cancelled. */
export const Status = ({ status }) => html`<${Badge} tone=${status === "cancelled" ? "" : "quiet"}>${status === "cancelled" ? "Cancelled" : "Placed"}<//>`;

const incidents = {
  recovered: ["Recovered after a restart", "check", ""],
  watermark_lost: ["Kafka lost the watermark", "check", ""],
  watermark_foreign: ["Another program set the watermark", "alert", "watch"],
  forged: ["Another program wrote under this lineage", "alert", "act"],
  log_recreated: ["The topic was made anew", "alert", "watch"],
  republished: ["Kafka had lost messages", "check", ""],
  forked: ["Went on under a new lineage", "alert", "watch"],
  partitions_missing: ["Partitions are missing", "alert", "act"],
  fenced: ["Another service took over", "alert", "act"],
  superseded: ["Orders were superseded", "alert", "watch"],
};
/** incidentOf returns title, icon and tone of an incident. */
export const incidentOf = (kind) => incidents[kind] ?? [kind, "alert", "watch"];

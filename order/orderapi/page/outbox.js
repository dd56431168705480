// The outbox: whether messages get to Kafka, what waits and why, and what somebody must decide.
import { html, useEffect, useState, useRoute, change, to, ask, Tile, Card, Verdict, Group, Blank, Loading, Failed, Badge, Segment, Icon, confirm, toast, useAsk, Panel, number, decimal, plural, when, clock, duration, forgetKey, askForKey, go, compact } from "/assets/console.js";
import { Plot } from "/assets/chart.js";
import { orderAt, shortID, failureOf, adviceFor, incidentOf, zone } from "/assets/words.js";

const age = (t, now) => t ? Math.max(0, (now - Date.parse(t)) / 1000) : 0;
// split writes a duration with its units small.
const split = (text) => text.split(" ").map((part) => /^[\d.,]/.test(part) ? part + " " : html`<small>${part} </small>`);

// ---------- What waits for a decision ----------
const most = 1000; // parked messages that the page reads
const readParked = async (signal) => {
  const parked = [];
  let cursor = "", corrupt = 0;
  do {
    const page = await ask(to({ limit: 200, cursor }, "/v1/outbox/parked"), { signal });
    parked.push(...page.parked);
    corrupt += page.corrupt?.length ?? 0;
    cursor = page.next_cursor ?? "";
  } while (cursor && parked.length < most);
  return { parked, corrupt, more: cursor !== "" };
};

// useParked reads the parked messages again when their number has changed.
const useParked = (count) => {
  const [state, set] = useState({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (count === undefined) return;
    const stopped = new AbortController();
    readParked(stopped.signal).then((data) => set({ data }), (problem) => { if (problem.name !== "AbortError") set({ problem }); });
    return () => stopped.abort();
  }, [count, turn]);
  return { ...state, again: () => setTurn((n) => n + 1) };
};

const groupsOf = (parked) => {
  const groups = new Map();
  for (const m of parked) groups.set(m.class, [...(groups.get(m.class) ?? []), m]);
  return [...groups].sort((a, b) => b[1].length - a[1].length);
};

// decide asks, and then decides about one message or a whole group. Of a group it takes only messages that the reader has seen.
const decide = async (verb, name, messages, done, more) => {
  const n = messages.length, what = plural(n, "message"), retry = verb === "retry", orders = n === 1 ? `Order ${shortID(messages[0].order_id)}, ${failureOf(name).toLowerCase()}.` : `${failureOf(name)}.`;
  const answer = await confirm({
    title: retry ? `Retry ${what}?` : `Discard ${what} for ever?`, text: orders, danger: !retry, keep: retry ? "Leave parked" : n === 1 ? "Keep it" : "Keep them",
    yes: retry ? `Retry ${number(n)}` : `Discard ${number(n)}`, reason: retry ? "optional" : "required", example: retry ? "the limit was raised" : "test orders", ...(n > 1 && { count: n }),
    consequences: [...(more ? [`The page read the first ${number(n)} of this kind. Others that were parked before the newest of these go with them.`] : []), ...(retry
      ? [`${n === 1 ? "It gets a new place" : "They get new places"} at the end of the outbox.`, "One more refusal parks a message again: mend the cause first.", "The decision stands in the audit with its reason."]
      : [`${n === 1 ? "It is" : "They are"} never published and never counted.`, `The ${n === 1 ? "order stays" : "orders stay"} on file.`, "This cannot be undone."])],
  });
  if (!answer) return;
  const body = answer.reason ? { reason: answer.reason } : {};
  try {
    if (n === 1) {
      await ask(`/v1/outbox/parked/${messages[0].id}/${verb}`, { body });
    } else {
      const newest = Math.max(...messages.map((m) => Date.parse(m.last_failed_at)));
      const result = await ask(`/v1/outbox/parked/${verb}`, { body: { ...body, class: name, before: new Date(newest + 1).toISOString() } });
      const decided = result[retry ? "retried" : "discarded"];
      if (decided !== n) toast(`${number(decided)} of ${what}: others were decided about meanwhile.`);
    }
    toast(retry ? `${what} ${n === 1 ? "goes" : "go"} out again.` : `${what} ${n === 1 ? "was" : "were"} discarded.`);
    done(null);
  } catch (problem) {
    done(problem);
  }
};

// MessageRows lists the messages of a group, each with its own decisions.
const MessageRows = ({ name, messages, done, show }) => html`<div class="scroll"><table class="rows" role="table"><caption class="sr">Parked messages: ${failureOf(name)}</caption>
  <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Order</th><th role="columnheader" scope="col">Parked</th><th role="columnheader" scope="col">Last error</th><th role="columnheader" scope="col" class="num">Attempts</th><th role="columnheader" scope="col"><span class="sr">Decide</span></th></tr></thead>
  <tbody role="rowgroup">${messages.map((m) => html`<tr role="row" key=${m.id}><td role="cell" class="nowrap"><a class="lead mono" href=${orderAt(m.order_id)}>${shortID(m.order_id)}</a></td><td role="cell" class="muted m-right">${when(m.last_failed_at)}</td><td role="cell" class="m-full"><span class="mono small">${m.reason}</span></td><td role="cell" class="num muted m-hide">${number(m.attempts)}</td>
    <td role="cell" class="m-full"><span class="tools tight"><button class="btn bare" type="button" onClick=${() => show(m)}>Message<span class="sr"> of order ${m.order_id}</span></button><button class="btn bare danger" type="button" onClick=${() => decide("discard", name, [m], done)}>Discard…</button><button class="btn" type="button" onClick=${() => decide("retry", name, [m], done)}>Retry…</button></span></td></tr>`)}</tbody></table></div>`;

const Whole = ({ message, close }) => {
  const { data, problem } = useAsk(`/v1/outbox/parked/${message.id}`);
  return html`<${Panel} id="whole" title="Parked message" onClose=${close}><pre class="json" tabindex="0" role="region" aria-label="The message as JSON">${data ? JSON.stringify(data, null, 2) : problem ? problem.message : "Loading"}</pre><//>`;
};

const Parked = ({ count, changed }) => {
  const { query } = useRoute();
  const parked = useParked(count);
  const [failure, fail] = useState(null);
  const [shown, show] = useState(null);
  const done = (problem) => {
    fail(problem);
    parked.again();
    changed();
  };
  if (parked.problem) return html`<${Card} id="parked" title="Parked"><${Failed} problem=${parked.problem} what="the parked messages" again=${parked.again} /><//>`;
  if (!parked.data) return html`<${Card} id="parked" title="Parked"><${Loading} lines=${[40, 80]} /><//>`;
  const groups = groupsOf(parked.data.parked), n = parked.data.parked.length;
  if (!n && !parked.data.corrupt && !failure) return null;
  const note = `${parked.data.more ? "The first " : ""}${plural(n, "message")}, ${plural(groups.length, "kind")} of failure. ${n === 1 ? "It is" : "They are"} not tried again by ${n === 1 ? "itself" : "themselves"}.`;
  return html`<${Card} id="parked" title="Parked" note=${note}>
    ${failure && html`<p class="body bad" role="alert">Nothing was decided. ${failure.status === 403 ? "Your key lacks the scope ops:write. " : ""}${failure.message}</p>`}
    ${parked.data.corrupt > 0 && html`<p class="body bad">${plural(parked.data.corrupt, "message")} cannot be read: the records are damaged. See <code>order check</code>.</p>`}
    ${groups.map(([name, messages]) => {
      const times = messages.map((m) => m.last_failed_at).sort(), attempts = [...new Set(messages.map((m) => m.attempts))], open = query.class === name, newest = messages.reduce((a, b) => a.last_failed_at > b.last_failed_at ? a : b);
      const since = (messages.length === 1 || times[0] === times.at(-1) ? `Since ${when(times[0])}` : `${when(times[0])} to ${when(times.at(-1))}`) + (attempts.length === 1 ? `, ${plural(attempts[0], "attempt")}${messages.length > 1 ? " each" : ""}.` : ".");
      return html`<div key=${name}><${Group} title=${failureOf(name)} count=${messages.length} word="parked" since=${html`${since}${messages.length === 1 && html` Order <a class="mono" href=${orderAt(messages[0].order_id)}>${shortID(messages[0].order_id)}</a>.`}`} error=${newest.reason} advice=${adviceFor(name)}>
        <a class="btn bare keep-scroll" href=${change({ class: open ? "" : name })} aria-expanded=${String(open)} role="button">${open ? "Hide" : "Show"} ${number(messages.length)}</a>
        <button class="btn bare danger" type="button" onClick=${() => decide("discard", name, messages, done, parked.data.more)}>Discard…</button>
        <button class="btn" type="button" onClick=${() => decide("retry", name, messages, done, parked.data.more)}><${Icon} name="retry" />Retry ${number(messages.length)}…</button><//>
        ${open && html`<${MessageRows} name=${name} messages=${messages} done=${done} show=${show} />`}</div>`;
    })}
    ${shown && html`<${Whole} message=${shown} close=${() => show(null)} />`}<//>`;
};

// ---------- What waits for another attempt ----------
const Waiting = ({ count, now }) => {
  const { data } = useAsk(count > 0 ? "/v1/outbox/waiting?limit=50" : null, 5);
  if (!(count > 0) || !data?.waiting.length) return null;
  return html`<${Card} id="waiting" title="Waiting for another attempt" note=${`${plural(count, "message")}, tried again by ${count === 1 ? "itself" : "themselves"}`}>
    <div class="scroll"><table class="rows" role="table"><caption class="sr">Messages that wait for another attempt</caption>
    <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Order</th><th role="columnheader" scope="col">Failure</th><th role="columnheader" scope="col">Last error</th><th role="columnheader" scope="col" class="num">Attempts</th><th role="columnheader" scope="col" class="num">Next attempt</th></tr></thead>
    <tbody role="rowgroup">${data.waiting.map((m) => html`<tr role="row" key=${m.id}><td role="cell" class="nowrap"><a class="lead mono" href=${orderAt(m.order_id)}>${shortID(m.order_id)}</a></td>
      <td role="cell" class="m-right"><${Badge} tone="watch" icon="clock">${m.behind ? "Behind another" : failureOf(m.class)}<//></td><td role="cell" class="m-full muted">${m.behind ? "It waits for an earlier message of its order." : m.reason}</td>
      <td role="cell" class="num muted" data-l="Attempts">${number(m.attempts)}</td><td role="cell" class="num m-right">${m.next_attempt_at ? `in ${duration(Math.max(0, (Date.parse(m.next_attempt_at) - now) / 1000))}` : "–"}</td></tr>`)}</tbody></table></div>
    ${count > data.waiting.length && html`<div class="more"><span>The first ${number(data.waiting.length)} of ${number(count)}</span></div>`}<//>`;
};

// ---------- The last hour ----------
const minute = 6; // values of a minute
// smooth replaces each value by the mean of its minute: orders that come one by one would look like needles.
const smooth = (values) => values.map((v, i) => {
  const of = values.slice(Math.max(0, i - minute + 1), i + 1).filter((w) => w != null);
  return v == null ? null : of.reduce((a, b) => a + b, 0) / of.length;
});
// joined draws a line over moments at which nothing was observed.
const joined = (values) => {
  const known = values.map((v, i) => v == null ? -1 : i).filter((i) => i >= 0), line = [...values];
  known.forEach((to, n) => {
    const from = known[n - 1];
    for (let i = from + 1; n > 0 && i < to; i++) line[i] = values[from] + (values[to] - values[from]) * (i - from) / (to - from);
  });
  return line;
};
const seconds = (v) => v == null ? "–" : v === 0 ? "0 ms" : v < 0.01 ? `${decimal(v * 1000, 1)} ms` : duration(v);
const axisSeconds = (v) => v === 0 ? "0" : v < 1 ? `${decimal(v * 1000, 1)} ms` : v < 120 ? `${decimal(v, 1)} s` : v < 7200 ? `${decimal(v / 60, 1)} min` : `${decimal(v / 3600, 1)} h`;
const rate = (v) => v == null ? "–" : `${decimal(v, v < 10 ? 1 : 0)} a second`;
const lastOf = (values) => values.findLast((v) => v != null);

const Chart = ({ title, hour, name, second, format, axis, least, names, outage, says }) => {
  const [at, hover] = useState(null);
  const values = hour.of(name), grey = second && hour.of(second);
  const shown = (list) => format(at === null ? lastOf(list) : list[at]);
  const legend = second ? html`<ul class="legend"><li><span class="key line"></span>${names[0]} <b>${shown(values)}</b></li><li><span class="key lineg"></span>${names[1]} <b>${shown(grey)}</b></li></ul>` : html`<p><b>${shown(values)}</b></p>`;
  return html`<section class="card c6 half w3"><header class="tight"><h3>${title}${at !== null && html` <span class="muted">${hour.labels[at]}</span>`}</h3>${legend}</header><div class="body">
    <${Plot} height=${150} labels=${hour.labels} ticks=${hour.ticks} least=${least} format=${axis} onHover=${hover} band=${outage}
      series=${[{ kind: "line", values: joined(values) }, ...(second ? [{ kind: "second", values: joined(grey) }] : [])]} says=${`${title}: ${says ?? shown(values)}. The table has all values.`} /></div></section>`;
};

const Hour = ({ link }) => {
  const { query } = useRoute();
  const { data, problem, again } = useAsk("/v1/history", 10);
  const table = query.as === "table";
  const head = html`<div class="head sect"><h2 id="hour-title">The last hour</h2><${Segment} label="The last hour: charts or table" value=${table ? "table" : "charts"} options=${[["charts", "Charts"], ["table", "Table"]]} onChange=${(v) => go(change({ as: v === "table" ? v : "" }), { replace: true })} /></div>`;
  if (!data) return html`${head}<section class="card">${problem ? html`<${Failed} problem=${problem} what="the last hour" again=${again} />` : html`<${Loading} />`}</section>`;
  // A service that has just begun shows its first minutes, and not an empty hour.
  const every = data.every_seconds * 1000, until = Date.parse(data.until), kept = data.figures.backlog.length, slots = Math.max(kept, 10 * minute);
  const times = Array.from({ length: slots }, (_, i) => until - (slots - 1 - i) * every), step = slots > 20 * minute ? 900e3 : 120e3;
  const hour = {
    of: (name) => [...Array(slots - kept).fill(null), ...(name.endsWith("per_second") ? smooth(data.figures[name]) : data.figures[name])],
    labels: times.map((t) => clock(t, undefined, true)), ticks: times.map((t, i) => i < slots * 0.95 && Math.floor(t / step) !== Math.floor((t - every) / step)), // the last one would not fit
  };
  const outage = link.state === "down" ? [[Math.min(Math.max(0, (Date.parse(link.since) - times[0]) / every + 0.5), slots - 0.5), slots]] : [];
  const columns = [["backlog", "Backlog", (v) => v == null ? "–" : number(v)], ["oldest_seconds", "Oldest message", seconds], ["placed_per_second", "Placed a second", (v) => v == null ? "–" : decimal(v)], ["published_per_second", "Published a second", (v) => v == null ? "–" : decimal(v)], ["commit_median_seconds", "Commit, median", seconds], ["commit_slowest_seconds", "Commit, slowest 1 %", seconds], ["publish_median_seconds", "Publish, median", seconds], ["publish_slowest_seconds", "Publish, slowest 1 %", seconds]];
  // A row is a minute: the most of what is a level or the slowest, the mean of the rest.
  const minutes = times.map((_, i) => i).filter((i) => i >= slots - kept && (slots - 1 - i) % minute === 0).reverse();
  const ofMinute = (name, i) => {
    const values = data.figures[name].slice(Math.max(0, i - (slots - kept) - minute + 1), i - (slots - kept) + 1).filter((v) => v != null);
    if (!values.length) return null;
    return /backlog|oldest|slowest/.test(name) ? Math.max(...values) : values.reduce((x, y) => x + y, 0) / values.length;
  };
  if (table) {
    return html`${head}<section class="card" aria-labelledby="hour-title"><div class="scroll tall" tabindex="0" role="region" aria-label="The last hour as a table"><table><caption class="sr">The last hour, a row a minute</caption>
      <thead><tr><th scope="col">Time</th>${columns.map(([name, label]) => html`<th scope="col" class="num" key=${name}>${label}</th>`)}</tr></thead>
      <tbody>${minutes.map((i) => html`<tr key=${times[i]}><td>${clock(times[i])}</td>${columns.map(([name, , write]) => html`<td class="num" key=${name}>${write(ofMinute(name, i))}</td>`)}</tr>`)}</tbody></table></div></section>`;
  }
  const times2 = ["slowest 1 %", "median"];
  return html`${head}<div class="grid charts">
    <${Chart} title="Backlog" hour=${hour} name="backlog" format=${(v) => v == null ? "–" : plural(v, "message")} axis=${compact} least=${4} outage=${outage} />
    <${Chart} title="Oldest message" hour=${hour} name="oldest_seconds" format=${(v) => v === 0 ? "none" : seconds(v)} axis=${axisSeconds} least=${0.1} outage=${outage} />
    <${Chart} title="Orders placed" hour=${hour} name="placed_per_second" format=${rate} axis=${(v) => decimal(v, 2)} least=${0.4} />
    <${Chart} title="Messages published" hour=${hour} name="published_per_second" format=${rate} axis=${(v) => decimal(v, 2)} least=${0.4} outage=${outage} />
    <${Chart} title="Commit time" hour=${hour} name="commit_slowest_seconds" second="commit_median_seconds" names=${times2} format=${seconds} axis=${axisSeconds} least=${0.01} />
    <${Chart} title="Publish time" hour=${hour} name="publish_slowest_seconds" second="publish_median_seconds" names=${times2} format=${seconds} axis=${axisSeconds} least=${0.01} outage=${outage} /></div>
    ${kept < 60 * minute && html`<p class="muted small">The service keeps its last hour in memory, and began ${duration(Math.max(10, (kept - 1) * data.every_seconds))} ago.</p>`}`;
};

// ---------- What was found and decided ----------
const Incidents = ({ incidents }) => html`<${Card} id="incidents" span="c6" title="Incidents" note="what was found, and what was done">
  ${incidents.length ? html`<div class="body"><ol class="line">${incidents.map((incident) => {
    const [title, icon, tone] = incidentOf(incident.kind);
    return html`<li key=${incident.at}><span class=${"node " + tone}><${Icon} name=${icon} /></span><h3>${title}</h3><span class="at"><time datetime=${incident.at}>${when(incident.at)}</time></span><div class="d">${incident.text}</div></li>`;
  })}</ol></div>` : html`<${Blank} icon="check" title="No incidents">File and topic have always agreed.<//>`}<//>`;

// groupedAudit joins entries of one decision: one verb, caller and reason, at one time.
const groupedAudit = (entries) => {
  const groups = [];
  for (const e of entries) {
    const last = groups.at(-1);
    if (last && last.verb === e.verb && last.by === e.by && last.reason === e.reason && Math.abs(Date.parse(last.at) - Date.parse(e.at)) < 2000) last.count++;
    else groups.push({ ...e, count: 1 });
  }
  return groups;
};
const pasts = { retry: ["Retried", "retry", "info"], discard: ["Discarded", "cross", "info"] };
const Audit = ({ turn }) => {
  const { data, problem, again } = useAsk(`/v1/outbox/audit`, 30);
  useEffect(() => { if (turn) again(); }, [turn]);
  const entries = data ? groupedAudit(data.entries ?? data.audit ?? []).slice(0, 20) : [];
  return html`<${Card} id="audit" span="c6" title="Audit" note="who decided what">
    ${problem && !data ? html`<${Failed} problem=${problem} what="the audit" again=${again} />` : !data ? html`<${Loading} />` : entries.length ? html`<div class="body"><ol class="line">${entries.map((e) => {
      const [word, icon, tone] = pasts[e.verb] ?? [e.verb, "check", "info"];
      return html`<li key=${e.at + e.id}><span class=${"node " + tone}><${Icon} name=${icon} /></span><h3>${word} ${number(e.count)}${e.class && html` <span class="muted">${failureOf(e.class).toLowerCase()}</span>`}</h3><span class="at"><time datetime=${e.at}>${when(e.at)}</time></span>
        <div class="d">${e.by ? html`By <code>${e.by}</code>` : "By somebody without a key"}${e.reason ? `: ${e.reason}` : ""}${e.count === 1 && e.subject && html`, order <a class="mono" href=${orderAt(e.subject)}>${shortID(e.subject)}</a>`}</div></li>`;
    })}</ol></div>` : html`<${Blank} icon="list" title="No decisions yet">Each retry and discard will stand here, with its reason.<//>`}<//>`;
};

const Backups = ({ now }) => {
  const { data, problem, again } = useAsk("/v1/backup/state", 60);
  if (!data) return html`<${Card} id="backups" span="c6" title="Backups">${problem ? html`<${Failed} problem=${problem} what="the backups" again=${again} />` : html`<${Loading} lines=${[60]} />`}<//>`;
  const old = age(data.verified_at, now), late = data.scheduled && (data.verified_at ? old > 2 * data.every_seconds : Boolean(data.failed_at));
  const state = !data.scheduled ? html`<${Badge}>No schedule<//>` : late ? html`<${Badge} tone="act" icon="alert">Overdue<//>` : data.verified_at ? html`<${Badge} tone="quiet good" icon="check">On time<//>` : html`<${Badge} tone="watch" icon="clock">The first is on its way<//>`;
  return html`<${Card} id="backups" span="c6" title="Backups" note=${state}><div class="body"><dl class="facts">
    <dt>Newest verified</dt><dd>${data.verified_at ? html`${duration(old)} ago, <code>${data.file}</code>` : "none"}</dd>
    ${data.scheduled && html`<dt>Schedule</dt><dd>every ${duration(data.every_seconds)}</dd>`}
    ${data.failed_at && html`<dt>Last attempt</dt><dd class="bad">failed ${when(data.failed_at)}: ${data.error}</dd>`}</dl>
    ${!data.scheduled && html`<p class="small muted gap">Set <code>backup-dir</code>, or run <code>order backup FILE</code> on a schedule of your own.</p>`}</div><//>`;
};

const File = ({ report }) => html`<${Card} id="file" span="c6" title="File and topic"><div class="body"><dl class="facts">
  <dt>Published up to</dt><dd>sequence ${number(report.published_up_to)} of ${number(report.last_sequence)}</dd>
  ${report.partitions && html`<dt>Partitions</dt><dd>${number(report.partitions)}</dd>`}
  <dt>Lineage</dt><dd class="mono">${report.lineage}</dd>
  <dt>Answers</dt><dd>${report.acks?.ack === "kafka" ? "when Kafka has the message" : "when the order is on disk"}</dd></dl></div><//>`;

// ---------- The verdict ----------
const verdictOf = (report, now) => {
  const { relay, backlog, parked, waiting, held_back } = report, oldest = age(report.oldest_unpublished_at, now), error = relay.error && html`Last error: <code>${relay.error}</code>`;
  if (relay.state === "fenced") return { tone: "act", title: "Another service publishes for this file. This one must not.", text: "Orders are refused here. Nothing is lost.", todo: ["See which service took over: its lineage is this one's.", "Stop this one for good, or see docs: an overtaken file."] };
  if (relay.state === "down") {
    return { tone: "act", title: `Kafka cannot be reached since ${when(relay.since)}. Orders are still accepted.`, text: `${plural(backlog, "message")} ${backlog === 1 ? "waits" : "wait"} on disk and ${backlog === 1 ? "goes" : "go"} out by ${backlog === 1 ? "itself" : "themselves"} when Kafka is back.`,
      todo: [html`Look at the brokers. ${error}`, "Nothing else to do here. Do not restart the order service."] };
  }
  if (held_back) return { tone: "watch", title: `Another program's transaction holds messages back since ${when(held_back.since)}.`, text: held_back.text };
  if (relay.state === "connecting") return { tone: "watch", title: "Connecting to Kafka.", text: error || `${plural(backlog, "message")} to publish. Nothing to do.` };
  if (parked > 0) return { tone: "decide", title: `${plural(parked, "message")} ${parked === 1 ? "is" : "are"} parked. All others flow.`, text: `${parked === 1 ? "It was" : "They were"} refused too often and ${parked === 1 ? "is" : "are"} not tried again by ${parked === 1 ? "itself" : "themselves"}. Nothing is lost: decide today.`, tools: html`<a class="btn" href="#parked">See the parked ${parked === 1 ? "message" : "messages"}</a>` };
  if (report.repair) return { tone: "watch", title: "Kafka lost messages. They are being published again.", text: "Nothing to do: consumers that have them refuse them." };
  if (backlog - waiting > 0 && oldest > 10) return { tone: "watch", title: `Catching up: ${plural(backlog, "message")} to go.`, text: `The oldest waits for ${duration(oldest)}. Nothing to do.` };
  if (waiting > 0) return { tone: "watch", title: `${plural(waiting, "message")} ${waiting === 1 ? "waits" : "wait"} for another attempt.`, text: "All others flow. Nothing to do yet." };
  if (relay.state === "idle") return { tone: "watch", title: "Nothing is published: no relay runs.", text: "" };
  return { tone: "good", title: "All is well", text: "Every message is published. Nothing waits, nothing is parked." };
};

/** Outbox is the page of the outbox. */
export const Outbox = ({ report, now, refused, allow }) => {
  const [turn, setTurn] = useState(0);
  useEffect(() => { document.title = "Outbox · Ordertally"; }, []);
  const history = useAsk(refused ? null : "/v1/history", 10);
  const head = html`<div class="head"><div><h1>Outbox</h1><p>From the order file to Kafka. Now, and over the last hour. Times in ${zone}.</p></div></div>`;
  if (refused) {
    return html`${head}<section class="card"><h2 class="sr">No right</h2><${Blank} icon="lock" title="Your key may not see the outbox" tools=${html`<button class="btn" type="button" onClick=${async () => { forgetKey(); await askForKey("Enter a key with the scope ops:read."); allow(); }}>Use another key</button>`}>The outbox needs the scope <code>ops:read</code>: ask who made the key.<//></section>`;
  }
  if (!report.data) return html`${head}<section class="card"><h2 class="sr">The state of the outbox</h2>${report.problem ? html`<${Failed} problem=${report.problem} what="the outbox" again=${report.again} />` : html`<${Loading} />`}</section>`;
  const data = report.data, { relay, backlog, parked, waiting } = data, oldest = age(data.oldest_unpublished_at, now);
  const stale = report.problem && html`<p class="bad" role="status">${report.problem.message} Figures of ${when(report.at)} are shown.</p>`;
  const verdict = verdictOf(data, now), down = relay.state === "down" || relay.state === "fenced", old = oldest > 10;
  const recent = (name) => lastOf(smooth(history.data?.figures[name] ?? [])), published = recent("published_per_second"), placed = recent("placed_per_second");
  const words = { up: "Up", down: "Down", connecting: "Connecting", waiting: "Waiting", idle: "Idle", fenced: "Fenced" };
  return html`${head}${stale}
    <${Verdict} tone=${verdict.tone} title=${verdict.title} todo=${verdict.todo} tools=${verdict.tools}>${verdict.text}<//>
    <div class="tiles">
      <${Tile} name="Kafka" value=${words[relay.state] ?? relay.state} tone=${down ? "act" : relay.state === "up" ? "" : "watch"} note=${`since ${when(relay.since)}`} />
      <${Tile} name="Backlog" value=${html`${number(backlog)} <small>${backlog === 1 ? "message" : "messages"}</small>`} tone=${down && backlog || old ? "watch" : ""} note=${backlog ? "to be published" : "all is published"} />
      <${Tile} name="Oldest message" value=${data.oldest_unpublished_at ? split(duration(oldest)) : "None"} tone=${old ? "watch" : ""} note=${data.oldest_unpublished_at ? "since it was stored" : "none waits"} />
      <${Tile} name="Publish rate" value=${down ? html`0 <small>a second</small>` : published === undefined ? "–" : html`${decimal(published, published < 10 ? 1 : 0)} <small>a second</small>`} note=${placed === undefined ? "" : `${decimal(placed, placed < 10 ? 1 : 0)} a second placed`} />
      <${Tile} name="Waiting" value=${number(waiting)} tone=${waiting ? "watch" : ""} note=${waiting ? "for another attempt" : "none was refused"} />
      <${Tile} name="Parked" value=${number(parked)} tone=${parked ? "act" : ""} note=${parked ? "somebody must decide" : "nothing to decide"} /></div>
    <${Parked} count=${parked} changed=${() => { report.again(); setTurn(turn + 1); }} />
    <${Waiting} count=${waiting} now=${now} />
    <${Hour} link=${relay} />
    <div class="grid"><${Incidents} incidents=${data.incidents ?? []} /><${Audit} turn=${turn} /><${Backups} now=${now} /><${File} report=${data} /></div>`;
};

// How counting goes: what waits for a decision, grouped by failure; the lag; the last hour; who decided what; backups; keys.
import { html, useState, useEffect, useAsk, useNow, useCallback, ask, change, go, number, decimal, when, clock, duration, plural, bytes,
  Card, Tile, Segment, Icon, Blank, Loading, Failed, Badge, Verdict, Group, Panel, confirm, toast } from "/assets/console.js";
import { Plot } from "/assets/chart.js";
import { titleOf } from "/assets/figures.js";

const ledgers = [
  { id: "parked", word: "parked", verb: "retry", yes: "Retry", done: "tried again", field: "parked" },
  { id: "late", word: "late", verb: "accept", yes: "Count", done: "counted", field: "late" },
  { id: "conflicts", word: "in conflict", verb: "accept", yes: "Count as well", done: "counted as well", field: "conflicts" },
];
const failures = {
  tombstone: ["No value", "A tombstone tells nothing to count. Discard it."],
  envelope: ["Not a CloudEvent", "Mend the program that sent it, then have it send the message again; discard this one."],
  unknown_type: ["Unknown type", "Declare an activity for it, or discard it."],
  unknown_version: ["Unknown version", "Update this service to a release that knows the version, then retry."],
  malformed: ["Malformed", "Mend the program that sent it. If the declaration was wrong, mend that, restart, then retry."],
  impossible: ["Impossible values", "Mend the program that sent it, or the rules of the activity, then retry."],
  too_large: ["Too large", "Raise max-record-bytes, restart, then retry."],
  skipped: ["Skipped unread", "An operator skipped it. Retry when what stopped the service is mended."],
  late: ["Late", "It may have been counted before, so long ago that its id is forgotten. Count it if it was not."],
  conflict: ["Same id, other content", "Another message with its id was counted. Count this one too if both are real."],
};

// useGroups lists what waits of one activity, by ledger and failure.
const useGroups = (list) => {
  const [state, set] = useState({ groups: null });
  const waiting = list.filter((a) => a.parked + a.late + a.conflicts > 0), key = JSON.stringify(waiting.map((a) => [a.name, a.parked, a.late, a.conflicts]));
  const look = useCallback(async () => {
    try {
      const groups = new Map();
      for (const a of waiting) {
        for (const ledger of ledgers) {
          if (!a[ledger.field]) continue;
          const base = `/v1/activities/${encodeURIComponent(a.name)}/${ledger.id}`;
          let cursor = "";
          for (let pages = 0; pages < 5; pages++) { // the newest thousand are looked at; the whole group is decided about
            const page = await ask(`${base}?limit=200${cursor && "&cursor=" + encodeURIComponent(cursor)}`);
            for (const message of page.parked) {
              const id = `${a.name}/${ledger.id}/${message.class}`;
              if (!groups.has(id)) groups.set(id, { id, activity: a.name, ledger, base, failure: message.class, messages: [] });
              groups.get(id).messages.push(message);
            }
            cursor = page.next_cursor ?? "";
            if (!cursor) break;
          }
          for (const group of groups.values()) if (group.activity === a.name && group.ledger === ledger) group.more = cursor !== "";
        }
      }
      set({ groups: [...groups.values()] });
    } catch (problem) {
      set({ problem });
    }
  }, [key]);
  useEffect(() => { look(); }, [look]);
  return { ...state, look };
};

const decide = async (group, discard, again) => {
  const n = group.messages.length, what = plural(n, "message"), { ledger } = group;
  const answer = await confirm({
    title: discard ? `Discard ${what} for ever?` : `${ledger.yes} ${what}?`,
    text: `${titleOf(group.activity)}: ${failures[group.failure]?.[0] ?? group.failure}.`,
    consequences: [...(group.more ? [`The page read ${number(n)} of them. All others of this kind go with them.`] : []), ...(discard
      ? ["They will never be counted. This cannot be undone.", "The days that they are of stay without them.", "Who decided, when and why goes to the audit list."]
      : [ledger.id === "parked" ? "What can be counted now is counted. The rest stays parked." : "They are counted into the days that they are of, final days too.", "A message that was counted before is not counted twice.", "Who decided, when and why goes to the audit list."])],
    reason: discard ? "required" : "optional", example: discard ? "For example: test messages of 27 Nov" : "For example: the declaration was mended",
    count: discard ? n : undefined, keep: "Keep them", yes: `${discard ? "Discard" : ledger.yes} ${number(n)}`, danger: discard,
  });
  if (!answer) return;
  try {
    const verb = discard ? "discard" : ledger.verb;
    const done = await ask(`${group.base}/${verb}`, { body: { class: group.failure, ...(answer.reason && { reason: answer.reason }) } });
    const still = done.still_parked ? `; ${number(done.still_parked)} still cannot be counted` : "";
    toast(discard ? `${plural(done.discarded, "message was", "messages were")} discarded.` : `${plural(done.counted, "message was", "messages were")} counted${done.duplicate ? `, ${number(done.duplicate)} had been` : ""}${still}.`);
  } catch (problem) {
    toast(problem.message);
  }
  again();
};

const times = (messages, zone) => {
  const sorted = messages.map((m) => m.at).sort();
  return sorted.length === 1 ? `Since ${when(sorted[0], zone)}.` : `From ${when(sorted[0], zone)} to ${when(sorted.at(-1), zone)}.`;
};

const Waiting = ({ groups, problem, look, zone, refresh }) => {
  const [open, set] = useState(null);
  const [whole, show] = useState(null);
  if (problem) return html`<${Card} title="Waits for a decision"><${Failed} problem=${problem} what="what waits" again=${look} /><//>`;
  if (!groups) return html`<${Card} title="Waits for a decision"><${Loading} /><//>`;
  if (!groups.length) return null;
  const total = groups.reduce((sum, g) => sum + g.messages.length, 0);
  const see = async (group, message) => {
    try {
      show(await ask(`${group.base}/${encodeURIComponent(message.id)}`));
    } catch (failed) {
      toast(failed.message);
    }
  };
  return html`<${Card} id="waiting" title="Waits for a decision" note=${`${plural(total, "message")}, ${plural(groups.length, "kind")} of failure. They are not tried again by themselves.`}>
    ${groups.map((group) => html`<div key=${group.id}><${Group} key=${group.id} title=${`${failures[group.failure]?.[0] ?? group.failure}, ${titleOf(group.activity).toLowerCase()}`} count=${group.messages.length} word=${(group.more ? "or more " : "") + group.ledger.word}
      since=${times(group.messages, zone)} error=${group.messages[0].reason} advice=${failures[group.failure]?.[1]}>
      <button class="btn bare" type="button" aria-expanded=${String(open === group.id)} onClick=${() => set(open === group.id ? null : group.id)}>${open === group.id ? "Hide" : `Show ${number(group.messages.length)}`}</button>
      <button class="btn bare danger" type="button" onClick=${() => decide(group, true, refresh)}>Discard…</button>
      <button class="btn" type="button" onClick=${() => decide(group, false, refresh)}><${Icon} name="retry" />${group.ledger.yes} ${number(group.messages.length)}</button><//>
      ${open === group.id && html`<div class="scroll tall" tabindex="0" role="region" aria-label="Messages of this failure"><table class="rows" role="table"><caption class="sr">Messages of this failure</caption>
        <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Message</th><th role="columnheader" scope="col">Last error</th><th role="columnheader" scope="col" class="num">Size</th><th role="columnheader" scope="col" class="num">Attempts</th><th role="columnheader" scope="col" class="num">Partition, offset</th><th role="columnheader" scope="col" class="num">Since</th></tr></thead>
        <tbody role="rowgroup">${group.messages.slice(0, 200).map((m) => html`<tr role="row" key=${m.id}><td role="cell"><button class="link mono" type="button" onClick=${() => see(group, m)}>${m.message_id ?? m.id}</button></td><td role="cell" class="m-full m-last">${m.reason}</td><td role="cell" class="num m-hide">${bytes(m.bytes ?? 0)}</td><td role="cell" class="num m-hide">${number(m.attempts)}</td><td role="cell" class="num">${m.partition}, ${m.offset}</td><td role="cell" class="num m-hide">${when(m.at, zone)}</td></tr>`)}</tbody></table></div>`}</div>`)}
    ${whole && html`<${Panel} id="whole" title="Message" onClose=${() => show(null)}><pre class="json" tabindex="0">${JSON.stringify(whole, null, 2)}</pre><//>`}<//>`;
};

// LastHour draws the last hour of the service, a value every 10 s.
const LastHour = ({ zone, table }) => {
  const { data, problem, again } = useAsk("/v1/history", 10);
  if (problem && !data) return html`<${Card} title="The last hour"><${Failed} problem=${problem} what="the last hour" again=${again} /><//>`;
  if (!data) return html`<${Card} title="The last hour"><${Loading} /><//>`;
  const f = data.figures, until = Date.parse(data.until), n = 3600 / data.every_seconds;
  const whole = (values) => [...Array.from({ length: Math.max(0, n - values.length) }, () => null), ...values];
  const at = (i) => until - (n - 1 - i) * data.every_seconds * 1000;
  const labels = Array.from({ length: n }, (_, i) => clock(at(i), zone, true)), ticks = labels.map((label, i) => i > 0 && label !== labels[i - 1] && +label.slice(3) % 15 === 0);
  // A time is known only where something was observed. The line is drawn from one to the next.
  const joined = (values) => {
    const list = whole(values);
    let last = null;
    return list.map((v, i) => v ?? (last !== null && i < n - 1 ? last : null)).map((v, i) => { if (list[i] !== null) last = list[i]; return list[i] ?? last; });
  };
  const now = (values) => values.findLast((v) => v !== null) ?? null;
  const time = (v) => v === null ? "–" : duration(v);
  const charts = [
    ["Not counted yet", [["line", f.lag]], (v) => number(v), plural(now(f.lag) ?? 0, "message"), 4],
    ["Counted a second", [["line", f.counted_per_second]], (v) => decimal(v, 1), `${decimal(now(f.counted_per_second) ?? 0, 1)} a second`, 1],
    ["Commit time", [["line", joined(f.commit_slowest_seconds), "slowest 1 %"], ["second", joined(f.commit_median_seconds), "median"]], time, "", 0.004],
    ["From order to count", [["line", joined(f.placed_to_counted_slowest_seconds), "slowest 1 %"], ["second", joined(f.placed_to_counted_median_seconds), "median"]], time, "", 0.04],
  ];
  return html`<div class="stack"><div class="head sect keep-scroll"><h2>The last hour</h2><${Segment} label="The last hour: charts or table" value=${table ? "table" : "charts"} options=${[["charts", "Charts"], ["table", "Table"]]} onChange=${(v) => go(change({ show: v === "table" ? "table" : undefined }), { replace: true })} /></div>
    ${table ? html`<${Card}><div class="scroll tall" tabindex="0" role="region" aria-label="The last hour as a table"><table><caption class="sr">The last hour</caption><thead><tr><th scope="col">Time</th><th scope="col" class="num">Not counted</th><th scope="col" class="num">A second</th><th scope="col" class="num">Commit</th><th scope="col" class="num">Slowest 1 %</th></tr></thead>
      <tbody>${labels.map((label, i) => [label, i]).reverse().filter(([, i]) => i % 6 === n % 6 && whole(f.lag)[i] !== null).map(([label, i]) => html`<tr key=${i}><th scope="row">${label}</th><td class="num">${number(whole(f.lag)[i])}</td><td class="num">${whole(f.counted_per_second)[i] === null ? "–" : decimal(whole(f.counted_per_second)[i], 1)}</td><td class="num">${time(whole(f.commit_median_seconds)[i])}</td><td class="num">${time(whole(f.commit_slowest_seconds)[i])}</td></tr>`)}</tbody></table></div><//>`
    : html`<div class="grid">${charts.map(([title, lines, write, said, least]) => html`<${Card} key=${title} span="c6 half w3" title=${title} note=${said || html`<ul class="legend">${lines.map(([kind, values, word]) => html`<li><span class=${"key " + (kind === "line" ? "line" : "lineg")}></span>${word} <b>${write(now(values))}</b></li>`)}</ul>`}>
        <div class="body"><${Plot} height=${130} labels=${labels} ticks=${ticks} format=${write} least=${least} says=${`${title}, the last hour. Now ${said || write(now(lines[0][1]))}. The table has the values.`}
          series=${lines.map(([kind, values]) => ({ kind, values: whole(values) }))} /></div><//>`)}</div>`}</div>`;
};

const Partitions = ({ list }) => {
  const rows = list.flatMap((a) => Object.entries(a.lag_by_partition ?? {}).map(([partition, lag]) => ({ name: a.name, partition: +partition, lag })));
  const partitions = [...new Set(rows.map((r) => r.partition))].sort((a, b) => a - b);
  return html`<${Card} id="lag" span="c6" title="Lag by partition" note="messages that are not counted yet">
    ${rows.length === 0 ? html`<${Blank} icon="plug" title="Kafka has not answered yet">It is asked again.<//>` : html`<div class="scroll" tabindex="0" role="region" aria-label="Lag by partition, as a table"><table><caption class="sr">Lag by partition</caption><thead><tr><th scope="col">Partition</th>${list.map((a) => html`<th scope="col" class="num">${titleOf(a.name)}</th>`)}</tr></thead>
      <tbody>${partitions.map((p) => html`<tr key=${p}><th scope="row">${p}</th>${list.map((a) => html`<td class=${"num" + (a.lag_by_partition?.[p] ? " strong" : "")}>${a.lag_by_partition?.[p] === undefined ? "–" : number(a.lag_by_partition[p])}</td>`)}</tr>`)}</tbody></table></div>`}<//>`;
};

const verbs = { retry: ["Retried", "retry"], discard: ["Discarded", "cross"], skip: ["Skipped", "cross"], rebuild: ["Rebuild began", "retry"], swap: ["Swapped", "check"], accept: ["Counted", "check"] };
const Audit = ({ base, zone }) => {
  const { data, problem, again } = useAsk(base + "/audit", 10);
  // Decisions about a group are one line.
  const entries = [];
  for (const e of data?.entries ?? []) {
    const last = entries.at(-1);
    if (last && last.verb === e.verb && last.by === e.by && last.reason === e.reason && last.at.slice(0, 16) === e.at.slice(0, 16)) last.n++;
    else entries.push({ ...e, n: 1 });
  }
  return html`<${Card} id="audit" span="c6" title="Audit" note="who decided what">${problem && !data ? html`<${Failed} problem=${problem} what="the audit" again=${again} />` : !data ? html`<${Loading} />` : entries.length === 0 ? html`<${Blank} icon="list" title="Nothing was decided yet">Decisions about messages stand here, with who, when and why.<//>`
    : html`<div class="body"><ol class="line">${entries.slice(0, 12).map((e) => html`<li key=${e.at + e.id}><span class="node info"><${Icon} name=${verbs[e.verb]?.[1] ?? "check"} /></span><h3>${verbs[e.verb]?.[0] ?? e.verb}${e.message_id || e.n > 1 ? " " + number(e.n) : ""}</h3><span class="at"><time datetime=${e.at}>${when(e.at, zone)}</time></span><div class="d">${e.by ? html`By <code>${e.by}</code>` : "By an operator"}${e.reason ? `: ${e.reason}` : "."}${e.outcome ? ` ${e.outcome.replaceAll("_", " ")}.` : ""}</div></li>`)}</ol></div>`}<//>`;
};

const incidents = {
  truncated: ["Kafka lost the end of a partition", "alert", "watch"],
  recreated: ["The topic was made anew", "alert", "watch"],
  expired: ["Records were deleted before they were read", "alert", "act"],
  forged: ["Another program wrote under a lineage of orders", "alert", "act"],
};
const Incidents = ({ base, zone }) => {
  const { data, problem, again } = useAsk(base + "/incidents", 30);
  return html`<${Card} id="incidents" span="c6" title="Incidents" note="what was found, and what was done">${problem && !data ? html`<${Failed} problem=${problem} what="the incidents" again=${again} />` : !data ? html`<${Loading} lines=${[60]} />`
    : data.incidents.length === 0 ? html`<${Blank} icon="check" title="No incidents">The topic has always had what was read of it.<//>`
    : html`<div class="body"><ol class="line">${data.incidents.slice(0, 12).map((incident, i) => {
      const [title, icon, tone] = incidents[incident.kind] ?? [incident.kind, "alert", "watch"];
      return html`<li key=${incident.at + i}><span class=${"node " + tone}><${Icon} name=${icon} /></span><h3>${title}</h3><span class="at"><time datetime=${incident.at}>${when(incident.at, zone)}</time></span><div class="d">${incident.text}</div></li>`;
    })}</ol></div>`}<//>`;
};

const Backups = ({ zone }) => {
  const { data, problem, again } = useAsk("/v1/backup/state", 60);
  const now = useNow(30);
  const age = data?.verified_at && (now - Date.parse(data.verified_at)) / 1000;
  return html`<${Card} id="backups" span="c6" title="Backups">${problem && !data ? html`<${Failed} problem=${problem} what="the backups" again=${again} />` : !data ? html`<${Loading} lines=${[60]} />` : html`<div class="body"><dl class="facts">
    <dt>Schedule</dt><dd>${data.scheduled ? `every ${duration(data.every_seconds)}` : "none: see --backup-dir"}</dd>
    <dt>Newest verified</dt><dd>${data.verified_at ? `${duration(age)} old, of ${when(data.verified_at, zone)}` : "none"}</dd>
    ${data.file && html`<dt>File</dt><dd class="mono">${data.file}</dd>`}
    ${data.failed_at && html`<dt>Failed</dt><dd><${Badge} tone="act" icon="alert">${when(data.failed_at, zone)}<//> ${data.error}</dd>`}</dl></div>`}<//>`;
};

const Rebuild = ({ base, activity, zone }) => {
  const [state, set] = useState(null);
  const look = async () => {
    try {
      set(await ask(base + "/rebuild"));
    } catch (problem) {
      set({ none: problem.code === "no_rebuild", problem });
    }
  };
  const act = async (verb, title, consequences, danger) => {
    const answer = await confirm({ title, text: titleOf(activity), consequences, reason: "optional", keep: "Cancel", yes: title.replace(/\?$/, ""), danger });
    if (!answer) return;
    try {
      await ask(`${base}/rebuild${verb}`, { body: answer.reason ? { reason: answer.reason } : {} });
    } catch (problem) {
      toast(problem.message);
    }
    look();
  };
  const begin = html`<button class="btn" type="button" onClick=${() => act("", "Count again?", ["All records of the topic are read from its beginning, beside the live figures.", "The live figures stay as they are until you swap."])}>Count again…</button>`;
  return html`<${Card} id="rebuild" title="Rebuild" note=${html`<button class="btn bare" type="button" onClick=${look}>${state ? "Look again" : "Show its state"}</button>`}><div class="body">
    ${!state ? html`<p class="small muted">Counts ${titleOf(activity).toLowerCase()} a second time, from the beginning of the topic, and shows which days differ.</p>`
    : state.none ? html`<p class="small muted">It is not being counted again.</p><div class="tools pad">${begin}</div>`
    : state.problem ? html`<p class="small">${state.problem.message}</p>`
    : html`<dl class="facts"><dt>State</dt><dd>${state.state}</dd><dt>Began</dt><dd>${when(state.began_at, zone)}${state.by ? `, by ${state.by}` : ""}</dd><dt>Counted again</dt><dd>${plural(state.counted, "record")}, ${number(state.left)} to go</dd>
      ${state.differences && html`<dt>Days that differ</dt><dd>${state.differences.length ? state.differences.map((d) => d.day).join(", ") : "none"}</dd>`}</dl>
      <div class="tools pad"><button class="btn bare danger" type="button" onClick=${() => act("/discard", "Give it up?", ["What was counted again is deleted. The live figures stay."], true)}>Give up…</button>
        <button class="btn" type="button" disabled=${state.state !== "ready"} onClick=${() => act("/swap", "Swap?", ["From now on the answers are those that were counted again."])}>Swap…</button></div>`}</div><//>`;
};

const scopes = ["stats:read", "ops:read", "ops:write", "backup:read", "keys:write"];
const Keys = ({ zone }) => {
  const { data, problem, again } = useAsk("/v1/keys");
  const [making, make] = useState(false);
  const [made, show] = useState(null);
  const create = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target), chosen = form.getAll("scope");
    if (!chosen.length) return toast("Choose at least one scope.");
    try {
      show(await ask("/v1/keys", { body: { name: form.get("name"), scopes: chosen, expires_in: +form.get("days") * 86400 } }));
      make(false);
      again();
    } catch (failed) {
      toast(failed.message);
    }
  };
  const revoke = async (key) => {
    const answer = await confirm({ title: `Revoke the key of ${key.name}?`, text: key.id, consequences: ["Requests with it are refused from now on.", "This cannot be undone: make a new key instead."], keep: "Keep it", yes: "Revoke", danger: true });
    if (!answer) return;
    try {
      await ask(`/v1/keys/${encodeURIComponent(key.id)}`, { method: "DELETE" });
      toast(`The key of ${key.name} was revoked.`);
    } catch (failed) {
      toast(failed.message);
    }
    again();
  };
  return html`<${Card} id="keys" title="Keys" note=${data?.keys.length > 0 && html`<button class="btn" type="button" aria-expanded=${String(making)} onClick=${() => make(!making)}><${Icon} name="key" />Make a key…</button>`}>
    ${made && html`<div class="body"><${Verdict} tone="watch" title="Keep this key now: it is shown only once" tools=${html`<button class="btn" type="button" onClick=${() => show(null)}>I have it</button>`}><code id="made-key">${made.key}</code><//></div>`}
    ${making && html`<form class="body make" onSubmit=${create}><label>Who will use it<input name="name" required maxlength="100" autocomplete="off" /></label><label>Days until it expires<input name="days" type="number" min="1" max="3650" value="90" required /></label>
      <fieldset><legend>What it allows</legend>${scopes.map((scope) => html`<label class="scope"><input type="checkbox" name="scope" value=${scope} defaultChecked=${scope === "stats:read"} />${scope}</label>`)}</fieldset><button class="btn main">Make the key</button></form>`}
    ${problem && !data ? html`<${Failed} problem=${problem} what="the keys" again=${again} />` : !data ? html`<${Loading} lines=${[80, 60]} />` : data.keys.length === 0 ? html`<${Blank} icon="key" title="Nobody needs a key here">The first key would shut everybody else out, so it is made in the file while the service is stopped: <code>activity keys new admin --scopes keys:write,stats:read,ops:read --data FILE</code>. Give it every scope that it is to hand on.<//>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Keys, as a table"><table class="rows" role="table"><caption class="sr">Keys</caption><thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Name</th><th role="columnheader" scope="col">Allows</th><th role="columnheader" scope="col">State</th><th role="columnheader" scope="col">Last used</th><th role="columnheader" scope="col">Expires</th><th role="columnheader" scope="col"><span class="sr">Revoke</span></th></tr></thead>
      <tbody role="rowgroup">${data.keys.map((key) => html`<tr role="row" key=${key.id}><td role="cell"><span class="strong">${key.name}</span> <span class="muted mono">${key.id}</span></td><td role="cell" class="m-full m-last">${key.scopes.join(", ")}</td><td role="cell"><${Badge} tone=${key.state === "active" ? "quiet good" : ""} icon=${key.state === "active" ? "check" : undefined}>${key.state}<//></td><td role="cell" class="m-hide">${key.last_used_at ? when(key.last_used_at, zone) : "never"}</td><td role="cell" class="m-hide">${key.expires_at ? when(key.expires_at, zone) : "never"}</td><td role="cell" class="num">${key.state === "active" && html`<button class="btn bare danger" type="button" onClick=${() => revoke(key)}>Revoke…</button>`}</td></tr>`)}</tbody></table></div>`}<//>`;
};

// ageOf says how old the figures are while nothing is read.
const ageOf = (through, at, zone, now) => {
  const age = (t) => duration(Math.max(0, (now - Date.parse(t)) / 1000));
  if (through) return `The figures have all that Kafka had at ${when(through, zone)}: they are ${age(through)} old.`;
  return at ? `Counted up to ${when(at, zone)}: the figures are ${age(at)} old, or more.` : "";
};

/** Counting is the page of how counting goes. */
export const Counting = ({ list, refresh, activity, base, query, zone, live, lost }) => {
  const groups = useGroups(list);
  const waiting = list.reduce((sum, a) => sum + a.parked + a.late + a.conflicts, 0);
  const lags = list.map((a) => a.lag_by_partition && Object.values(a.lag_by_partition).reduce((x, y) => x + y, 0)), lag = lags.includes(undefined) && lags[0] === undefined ? undefined : lags.reduce((x, y) => x + (y ?? 0), 0);
  const at = live?.figures?.as_of?.at, now = useNow(10);
  const kafka = list[0]?.kafka, away = kafka && kafka.state !== "up" && lag === undefined || kafka?.state === "down";
  const through = list[0]?.counted_through; // all that Kafka had then is in the figures
  const again = () => { refresh(); groups.look(); };
  return html`<div class="stack"><div class="head"><div><h1>Counting</h1><p>From Kafka to the statistics. Now, and over the last hour.</p></div></div>
    ${!list.length ? "" : away ? html`<${Verdict} tone=${kafka.state === "down" ? "act" : "watch"} title=${kafka.state === "down" ? `Kafka cannot be reached since ${when(kafka.since, zone)}. What was counted stays as it is.` : "Connecting to Kafka. What was counted stays as it is."} todo=${kafka.state === "down" && ["Look at the brokers, and at the log of this service.", "Nothing is lost: what waits in Kafka is counted when it is back."]}>${ageOf(through, at, zone, now)}${kafka.error && html` <span class="err">${kafka.error}</span>`}<//>`
      : waiting ? html`<${Verdict} tone="decide" title=${`${plural(waiting, "message waits", "messages wait")} for a decision. All others are counted.`}>Nothing is lost: decide today.<//>`
      : lag > 0 ? html`<${Verdict} tone="watch" title=${`Catching up: ${plural(lag, "message")} to go`}>Nothing to do.<//>`
      : html`<${Verdict} title="All is well">Every message is counted. Nothing waits, nothing is parked.<//>`}
    <div class="tiles">
      <${Tile} name="Not counted yet" value=${away || lag === undefined ? "–" : number(lag)} tone=${lag > 0 ? "watch" : ""} note=${away || lag === undefined ? "Kafka does not say" : "in all topics"} />
      <${Tile} name="Counted up to" value=${at ? clock(at, zone) : "–"} note=${at ? "the last commit" : "nothing yet"} />
      ${ledgers.map((ledger) => { const n = list.reduce((sum, a) => sum + a[ledger.field], 0); return html`<${Tile} key=${ledger.id} name=${ledger.id[0].toUpperCase() + ledger.id.slice(1)} value=${number(n)} tone=${n ? "act" : ""} note=${n ? "to decide" : "none"} />`; })}
    </div>
    <${Waiting} ...${groups} zone=${zone} refresh=${again} />
    <${LastHour} zone=${zone} table=${query.show === "table"} />
    <div class="grid"><${Partitions} list=${list} /><${Incidents} base=${base} zone=${zone} /><${Audit} base=${base} zone=${zone} /><${Backups} zone=${zone} /><${Rebuild} base=${base} activity=${activity} zone=${zone} /></div>
    <${Keys} zone=${zone} /></div>`;
};

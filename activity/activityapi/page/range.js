// A range of days by day, week or month, net of cancellations, beside an earlier period of the same length.
import { DateField, html, useState, useAsk, useEffect, change, go, number, money, dateOf, addDays, daysBetween, shortDay, weekday, longDay, monthName, plural, percent,
  Card, Tile, Delta, Segment, Check, Icon, Blank, Loading, Failed, Badge, save } from "/assets/console.js";
import { Plot } from "/assets/chart.js";
import { figuresOf, currenciesOf, currencyLabel, nounOf } from "/assets/figures.js";
import { Head, Activities } from "/assets/day.js";

const monday = (day) => addDays(day, -((new Date(day + "T00:00:00Z").getUTCDay() + 6) % 7));
const months = (day, n) => {
  const d = new Date(day + "T00:00:00Z");
  d.setUTCMonth(d.getUTCMonth() + n);
  return d.toISOString().slice(0, 10);
};
const presets = {
  "30 days": (today) => ({ from: addDays(today, -29), to: today, by: "day" }),
  "12 weeks": (today) => ({ from: addDays(monday(today), -77), to: today, by: "week" }),
  "12 months": (today) => ({ from: months(today.slice(0, 8) + "01", -11), to: today, by: "month" }),
};
const most = 400; // days in one answer

// earlier returns the period that a range is compared with, on the same weekdays, and what it is called.
const earlier = ({ from, to, by }) => {
  const days = daysBetween(from, to) + 1;
  if (by === "month") return { from: months(from, -12), to: months(to, -12), called: "a year earlier" };
  const weeks = Math.ceil(days / 7);
  return { from: addDays(from, -7 * weeks), to: addDays(to, -7 * weeks), called: weeks === 1 ? "a week earlier" : `${weeks} weeks earlier` };
};

const nameOf = (row, by) => by === "day" ? weekday(row.day) : by === "week" ? `W${row.week.slice(-2)}, from ${shortDay(row.from)}` : monthName(row.month);
const labelOf = (row, by) => by === "day" ? shortDay(row.day) : by === "week" ? shortDay(row.from) : monthName(row.month).slice(0, 3) + (row.month.endsWith("-01") ? " " + row.month.slice(0, 4) : "");
const spanOf = (row) => ({ from: row.from ?? row.day, to: row.to ?? row.day });

// totalOf adds a figure up over periods. The mean is that of all events; what is distinct cannot be added up.
const totalOf = (figure, rows) => {
  if (figure.adds) return rows.reduce((sum, row) => sum + (figure.of(row) ?? 0), 0);
  const name = figure.id.replace(/-mean$/, ""), stats = rows.map((row) => row.stats?.[name]?.[figure.currency]).filter(Boolean);
  const n = stats.reduce((sum, s) => sum + s.count, 0);
  return n ? Math.round(stats.reduce((sum, s) => sum + s.mean * s.count, 0) / n) : 0;
};

/** Range is the page of a range. */
export const Range = ({ activity, activities, base, query, zone, ownZone, orders }) => {
  const today = dateOf(Date.now(), zone);
  const valid = /^\d{4}-\d\d-\d\d$/;
  const chosen = { ...presets["30 days"](today), ...(valid.test(query.from ?? "") && { from: query.from }), ...(valid.test(query.to ?? "") && { to: query.to }), ...(["day", "week", "month"].includes(query.by) && { by: query.by }) };
  const { from, to, by } = chosen, before = earlier(chosen);
  const pathOf = (of, range) => `/v1/activities/${encodeURIComponent(of)}/days?${new URLSearchParams({ from: range.from, to: range.to, by, ...(zone !== ownZone && { tz: zone }) })}`;
  const opposite = activity.endsWith("_CREATED") ? activity.replace(/_CREATED$/, "_CANCELLED") : "", nets = activities.includes(opposite), net = nets && query.net !== "0";
  const every = to >= today ? 10 : 0;
  const own = useAsk(pathOf(activity, chosen), every), past = useAsk(pathOf(activity, before)), off = useAsk(nets ? pathOf(opposite, chosen) : null, every), pastOff = useAsk(nets ? pathOf(opposite, before) : null);
  const [at, setAt] = useState(null);
  const rowsOf = (answer) => answer?.[by + "s"] ?? [];
  const rows = rowsOf(own.data), pastRows = rowsOf(past.data), offRows = rowsOf(off.data), pastOffRows = rowsOf(pastOff.data);
  const known = rows.filter((row) => !row.unavailable);
  const currencies = currenciesOf([...known, ...pastRows.filter((row) => !row.unavailable)]), currency = currencies.includes(query.cur) ? query.cur : currencies[0] ?? "";
  const sample = known.find((row) => row.count > 0) ?? known[0];
  const stats = Object.assign({}, ...known.map((row) => row.stats));
  const list = sample ? figuresOf(activity, { ...sample, stats }, currency) : [];
  useEffect(() => { if (list.length && !performance.getEntriesByName("ordertally-figures").length) performance.mark("ordertally-figures"); });
  const figure = list.find((f) => f.id === query.fig && f.adds) ?? list[0];
  // Units and lines are net as well: a cancellation has those of its order.
  const minus = (f, list, i) => f.id === "count" ? 0 : f.of(list[i]) ?? 0;
  const valueOf = (f, list, offs, i) => list[i]?.unavailable ? null : (f.of(list[i]) ?? 0) - (net ? minus(f, offs, i) : 0);
  const title = `${by === "month" ? `${monthName(from)} to ${monthName(to)}` : `${longDay(from).replace(/^\S+ /, "")} to ${longDay(to, from.slice(0, 4) !== to.slice(0, 4) || to.slice(0, 4) !== today.slice(0, 4)).replace(/^\S+ /, "")}`}`;
  const set = (range) => go(change({ from: range.from, to: range.to > today ? today : range.to, by: range.by === "day" ? undefined : range.by ?? (by === "day" ? undefined : by) }));
  const wider = () => {
    const n = daysBetween(from, to) + 1, half = Math.ceil(Math.min(n, most - n) / 2);
    const last = addDays(to, half) > today ? today : addDays(to, half);
    set({ from: addDays(last, -(n + 2 * half - 1)), to: last });
  };
  const zoom = (a, b) => {
    const range = { from: spanOf(rows[a]).from, to: spanOf(rows[b]).to };
    set({ ...range, by: daysBetween(range.from, range.to) <= 62 ? "day" : by });
  };
  const hrefOf = (row) => by === "day" ? change({ view: undefined, from: undefined, to: undefined, by: undefined, fig: undefined, net: undefined, day: row.day === today ? undefined : row.day }) : change({ ...spanOf(row), by: undefined });
  const preset = Object.keys(presets).find((name) => { const p = presets[name](today); return p.from === from && p.to === to && p.by === by; }) ?? "";
  const periods = `${plural(rows.length, by)}`;

  const body = () => {
    if (own.problem && !own.data) return html`<${Card}><${Failed} problem=${own.problem} what="the range" again=${own.again} /><//>`;
    if (!own.data) return html`<${Card}><${Loading} /><//>`;
    if (!figure) return html`<${Card}><${Blank} icon="inbox" title="Nothing to show">None of these days can be told in this zone.<//><//>`;
    const values = rows.map((_, i) => valueOf(figure, rows, offRows, i)), above = nets ? rows.map((_, i) => minus(figure, offRows, i)) : null;
    const aligned = rows.map((_, i) => pastRows[i] ? valueOf(figure, pastRows, pastOffRows, i) : null);
    const hasPast = aligned.some((v) => v > 0), hasAbove = figure.id !== "count" && above?.some((v) => v > 0);
    const sum = (list) => list.reduce((a, b) => a + (b ?? 0), 0);
    const tile = (f) => {
      const whole = totalOf(f, known), was = pastRows.length ? totalOf(f, pastRows.filter((r) => !r.unavailable)) : undefined;
      const less = f.adds && f.id !== "count" && net ? totalOf(f, offRows) : 0, wasLess = f.adds && f.id !== "count" && net ? totalOf(f, pastOffRows) : 0;
      return [whole - less, was === undefined ? undefined : was - wasLess];
    };
    const shown = list.filter((f) => f.adds || f.currency).slice(0, 4);
    const off0 = nets && list[0].currency ? totalOf(list[0], offRows) : 0, gross0 = totalOf(list[0], known);
    const withNet = (f) => f.title + (nets && f.adds && f.id !== "count" ? (net ? ", net of cancellations" : ", cancellations included") : "");
    const verdictOf = rows.reduce((best, _, i) => (values[i] ?? 0) > (values[best] ?? 0) ? i : best, 0);
    const columns = list;
    const cell = (f, row) => row.unavailable ? "–" : f.write(f.of(row));
    const main = list[0], offOf = (i) => main.of(offRows[i]) ?? 0;
    const download = () => {
      const head = [by, ...columns.map((f) => f.id.replace("-", "_") + (f.currency ? `_${f.currency.toLowerCase()}_minor` : "")), ...(nets && main.currency ? ["cancelled_" + main.currency.toLowerCase() + "_minor", "net_" + main.currency.toLowerCase() + "_minor"] : [])];
      save(`${activity.toLowerCase()}-${from}-to-${to}-by-${by}.csv`, [head, ...rows.map((row, i) => [row[by], ...columns.map((f) => row.unavailable ? "" : f.of(row) ?? 0), ...(nets && main.currency ? [offOf(i), (main.of(row) ?? 0) - offOf(i)] : [])])]);
    };
    return html`<div class="stack">
      <div class="tiles">${shown.map((f, i) => {
        const [value, was] = tile(f);
        return [html`<${Tile} key=${f.id} hero=${i === 0} name=${i === 0 ? withNet(f) : f.title} value=${f.write(value)}>${was ? html`<dl class="vs long"><div><dt>vs ${before.called}</dt><dd><${Delta} now=${value} was=${was} /><span class="was">${f.write(was)}</span></dd></div></dl>` : ""}<//>`,
          i === 0 && nets && main.currency ? html`<${Tile} key="cancelled" name="Cancelled" value=${off0 ? money(currency, -off0) : money(currency, 0)} note=${!off0 ? "none" : gross0 ? `${percent(off0 / gross0)} of ${main.title.toLowerCase()}, ${plural(totalOf({ adds: true, of: (a) => a?.count }, offRows), "cancellation")}` : ""} />` : null];
      })}</div>
      <${Card} id="range-chart" title=${`${figure.title} by ${by}`} note=${html`<${Segment} label="Figure" value=${figure.id} options=${list.filter((f) => f.adds).slice(0, 4).map((f) => [f.id, f.title])} onChange=${(v) => go(change({ fig: v === list[0].id ? undefined : v }), { replace: true })} />`}>
        <div class="body">
          <ul class="legend"><li><span class="key now"></span>${net && figure.id !== "count" ? "Net" : figure.title} <b>${figure.write(at === null ? sum(values) : values[at])}</b></li>
            ${hasAbove && net && html`<li><span class="key off"></span>Cancelled <b>${figure.write(at === null ? sum(above) : above[at])}</b></li>`}
            ${hasPast && html`<li><span class="key tick"></span>${before.called[0].toUpperCase() + before.called.slice(1)} <b>${figure.write(at === null ? sum(aligned) : aligned[at])}</b></li>`}
            ${at !== null && rows[at] ? html`<li class="at">${nameOf(rows[at], by)}</li>` : html`<li class="at hint only-wide">Drag over the chart to zoom. A bar leads to its ${by}.</li>`}</ul>
          <${Plot} height=${288} labels=${rows.map((row) => labelOf(row, by))} format=${figure.axis} least=${figure.currency ? 100 : 4} part=${rows.findIndex((row) => spanOf(row).to >= today && spanOf(row).from <= today)}
            says=${`${figure.title} by ${by}, ${periods}, ${figure.write(sum(values))} together. Most: ${nameOf(rows[verdictOf], by)} with ${figure.write(values[verdictOf])}. Every value is in the table below.`}
            series=${[{ kind: "bar", values, above: hasAbove && net ? above : undefined, share: 0.72 }, ...(hasPast ? [{ kind: "tick", values: aligned }] : [])]}
            onHover=${setAt} onZoom=${zoom} onPick=${(i) => { go(hrefOf(rows[i])); scrollTo(0, 0); }} />
        </div><//>
      <${Card} id="range-table" title=${`Figures by ${by}`} note=${html`<button class="btn" type="button" onClick=${download}><${Icon} name="download" />Download CSV</button>`}>
        <div class="scroll" tabindex="0" role="region" aria-label=${`Figures by ${by}, as a table`}><table class="rows" role="table"><caption class="sr">Figures by ${by}</caption>
          <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">${by[0].toUpperCase() + by.slice(1)}</th>${columns.slice(1).map((f) => html`<th role="columnheader" scope="col" class="num">${f.title}</th>`)}<th role="columnheader" scope="col" class="num">${main.title}</th>
            ${nets && main.currency && html`<th role="columnheader" scope="col" class="num">Cancelled</th><th role="columnheader" scope="col" class="num">Net</th>`}</tr></thead>
          <tbody role="rowgroup">${rows.map((row, i) => [row, i]).reverse().map(([row, i]) => html`<tr role="row" key=${row[by]}>
            <td role="cell"><a class="lead" href=${hrefOf(row)}>${nameOf(row, by)}</a>${spanOf(row).to >= today && spanOf(row).from <= today ? html` <${Badge} tone="info">so far<//>` : ""}${row.unavailable ? html` <span class="muted">cannot be told in this zone</span>` : row.partial ? html` <${Badge}>partial<//>` : ""}</td>
            ${columns.slice(1).map((f) => html`<td role="cell" class="num m-hide">${cell(f, row)}</td>`)}<td role="cell" class=${"num " + (nets && main.currency ? "m-hide" : "strong")}>${cell(main, row)}</td>
            ${nets && main.currency && html`<td role="cell" class="num m-hide">${offOf(i) ? money(currency, -offOf(i)) : "–"}</td><td role="cell" class="num strong">${row.unavailable ? "–" : main.write((main.of(row) ?? 0) - offOf(i))}</td>`}
            <td role="cell" class="m-only m-full m-last small muted">${row.unavailable ? "" : plural(row.count, ...nounOf(activity))}${offOf(i) ? `, ${money(currency, offOf(i))} cancelled` : ""}</td></tr>`)}</tbody></table></div><//></div>`;
  };
  return html`<div class="stack">
    <${Head} title=${title} zone=${zone} ownZone=${ownZone} note=${own.data ? (own.data.final ? "Final." : to >= today ? "Today goes on." : "Not final yet.") : ""}><${Activities} names=${activities} activity=${activity} /><//>
    <div class="filters wrap">
      <${Segment} fill label="Range" value=${preset} options=${Object.keys(presets).map((name) => [name, name])} onChange=${(name) => set(presets[name](today))} />
      <label class="chip"><span>From</span><${DateField} id="from" value=${from} max=${to} min=${addDays(to, -(most - 1))} onPick=${(day) => set({ from: day, to })} /></label>
      <label class="chip"><span>To</span><${DateField} id="to" value=${to} min=${from} max=${today} onPick=${(day) => set({ from, to: day })} /></label>
      <${Segment} label="By" value=${by} options=${[["day", "Day"], ["week", "Week"], ["month", "Month"]]} onChange=${(v) => go(change({ by: v === "day" ? undefined : v }))} />
      ${daysBetween(from, to) + 1 < most && html`<button class="btn" type="button" onClick=${wider}>Zoom out</button>`}
      ${currencies.length > 1 && html`<${Segment} label="Currency" value=${currency} options=${currencies.slice(0, 4).map((c) => [c, currencyLabel(c)])} onChange=${(c) => go(change({ cur: c === currencies[0] ? undefined : c }), { replace: true })} />`}
      ${nets && html`<${Check} id="net" label="Net of cancellations" value=${net} onChange=${(v) => go(change({ net: v ? undefined : "0" }), { replace: true })} />`}
    </div>
    ${body()}</div>`;
};

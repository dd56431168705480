// One day: today, live, or another one, beside the day before and the same weekday a week before.
import { DateField, html, useState, useMemo, useEffect, useRef, useAsk, useNow, change, go, to, number, money, clock, longDay, weekday, shortDay, addDays, dateOf, plural, percent, color,
  Card, Tile, Delta, Segment, Chip, Icon, Blank, Loading, Failed, Badge, save } from "/assets/console.js";
import { Plot } from "/assets/chart.js";
import { figuresOf, currenciesOf, currencyLabel, measuresOf, isMoney, titleOf, nounOf, counted, Digits } from "/assets/figures.js";

// minuteOf returns the minute of the day of an instant in a zone. An instant of a day's minutes is asked for often.
const known = new Map();
const minuteOf = (time, zone) => {
  const key = time + zone;
  if (!known.has(key)) {
    if (known.size > 20000) known.clear();
    const [hour, minute] = clock(time, zone, true).split(":");
    known.set(key, +hour * 60 + +minute);
  }
  return known.get(key);
};
const minuteAt = (text) => +text.slice(0, 2) * 60 + +text.slice(3, 5); // of 14:03
const hhmm = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** Head is the first line of a page: a title, the zone, tools. */
export const Head = ({ title, zone, ownZone, children, note }) => {
  const [changing, set] = useState(false);
  const zones = useMemo(() => changing ? Intl.supportedValuesOf("timeZone") : [], [changing]);
  const take = (value) => {
    set(false);
    go(change({ tz: value.trim() === ownZone ? undefined : value.trim() }));
  };
  return html`<div class="head"><div><h1>${title}</h1><p class="zone"><${Icon} name="globe" /> ${changing
    ? html`<input id="zone" aria-label="Time zone" list="zones" autocomplete="off" spellcheck="false" defaultValue=${zone} ref=${(e) => e?.focus()}
        onKeyDown=${(e) => { if (e.key === "Enter") take(e.target.value); if (e.key === "Escape") set(false); }} onBlur=${(e) => take(e.target.value)} />
        <datalist id="zones">${zones.map((name) => html`<option value=${name} />`)}</datalist>`
    : html`<button class="link" type="button" id="change-zone" title="Another time zone" onClick=${() => set(true)}>${zone}</button>`}. ${note}</p></div>
    ${children && html`<div class="tools">${children}</div>`}</div>`;
};

/** Activities offers the activities that the service counts. */
export const Activities = ({ names, activity }) => names.length > 1 &&
  html`<${Chip} id="activity" label="Activity" value=${activity} on=${activity !== names[0]} options=${names.map((name) => [name, titleOf(name)])} onChange=${(name) => go(to({ ...Object.fromEntries(new URLSearchParams(location.search)), activity: name === names[0] ? undefined : name, cur: undefined }))} />`;

// Compared shows a figure beside those of two other days.
const Compared = ({ figure, now, others }) => html`<dl class="vs">${others.map(([word, was]) => html`<div key=${word}><dt>vs ${word}</dt><dd><${Delta} now=${now} was=${was} />
  <span class="was">${was === undefined ? "" : figure.write(was)}</span></dd></div>`)}</dl>`;

// sumOf adds up the minutes of a day before a minute of the day.
const sumOf = (figure, minutes, before, zone) => minutes?.reduce((sum, minute) => minuteOf(minute.minute, zone) < before ? sum + (figure.of(minute) ?? 0) : sum, 0);

// bucketsOf adds values up by hour, or by minute of an hour or two: from and to are minutes of the day.
const bucketsOf = (figure, { hours, minutes }, from, end, size, zone) => {
  const values = Array.from({ length: Math.ceil((end - from) / size) }, () => 0);
  const add = (minute, value) => {
    const i = Math.floor((minute - from) / size);
    if (minute >= from && i < values.length && value) values[i] += value;
  };
  if (minutes) for (const minute of minutes) add(minuteOf(minute.minute, zone), figure.of(minute));
  else for (const hour of hours ?? []) add(minuteOf(hour.starts_at, zone), figure.of(hour));
  return values;
};

const ChartCard = ({ id, figure, activity, days, live, nowMinute, from, end, size, table, words, zone }) => {
  const [at, setAt] = useState(null);
  const byMinute = size < 60, unit = byMinute ? "minute" : "hour";
  const all = days.map((day) => bucketsOf(figure, day, from, end, size, zone));
  const labels = all[0].map((_, i) => hhmm(from + i * size)), ticks = labels.map((label) => !byMinute || label.endsWith("0") || label.endsWith("5"));
  const running = live && nowMinute >= from && nowMinute < end ? Math.floor((nowMinute - from) / size) : -1;
  const today = live ? all[0].map((v, i) => running >= 0 ? (i > running ? null : v) : (from > nowMinute ? null : v)) : all[0];
  const ahead = (d, i) => d === 0 && live && running >= 0 && i > running;
  const sum = (values) => values.reduce((a, b) => a + (b ?? 0), 0);
  const kinds = ["bar", "body", "step"], keys = ["now", "prev", "week"];
  const busiest = today.reduce((best, v, i) => (v ?? 0) > (today[best] ?? 0) ? i : best, 0);
  const whole = from === 0 && end >= 1440;
  const title = `${figure.title} by ${unit}`;
  const says = `${title}${live ? ` today until ${hhmm(nowMinute)}` : ""}, with ${words.slice(1).join(" and ").toLowerCase()}. Most at ${labels[busiest]}: ${figure.write(today[busiest])}. All values are in the table.`;
  const zoom = (a, b) => go(change({ zoom: `${labels[a]}-${hhmm(from + (b + 1) * size)}` }));
  // Hours that have nothing on any day are cut off.
  const shows = (i) => all.some((values) => values[i] > 0) || i === running;
  let first = labels.findIndex((_, i) => shows(i)), last = labels.findLastIndex((_, i) => shows(i));
  if (first < 0) [first, last] = [8, 18];
  if (!byMinute && whole) {
    first = Math.max(0, Math.min(first - 1, 20));
    last = Math.min(labels.length - 1, Math.max(last + 1, first + 5));
  } else [first, last] = [0, labels.length - 1];
  const cut = (values) => values.slice(first, last + 1);
  const readout = (d) => at === null ? figure.write(sum(d === 0 ? today : all[d])) : ahead(d, first + at) ? "not yet" : figure.write(all[d][first + at]);
  return html`<${Card} id=${id} title=${title} span="c6" note=${html`<${Segment} label=${title + ": chart or table"} value=${table ? "table" : "chart"} options=${[["chart", "Chart"], ["table", "Table"]]} onChange=${(v) => go(change({ show: v === "table" ? "table" : undefined }), { replace: true })} />`}>
    <div class="body">
      <ul class="legend">${words.map((word, d) => html`<li key=${word}><span class=${"key " + keys[d]}></span>${word} <b>${readout(d)}</b></li>`)}${at !== null && html`<li class="at">${labels[first + at]}</li>`}</ul>
      ${table
        ? html`<div class="scroll tall" tabindex="0" role="region" aria-label=${title + ", as a table"}><table><caption class="sr">${title}</caption><thead><tr><th scope="col">${titleOf(unit)}</th>${words.map((word) => html`<th scope="col" class="num">${word}</th>`)}</tr></thead>
          <tbody>${cut(labels).map((label, i) => html`<tr key=${label}><th scope="row">${byMinute ? label : html`<a href=${change({ zoom: `${label}-${hhmm(from + (first + i + 1) * size)}` })}>${label}</a>`}</th>
            ${words.map((_, d) => html`<td class="num">${ahead(d, first + i) ? "–" : figure.write(all[d][first + i])}${d === 0 && first + i === running ? html` <span class="muted">so far</span>` : ""}</td>`)}</tr>`)}</tbody></table></div>`
        : html`<${Plot} says=${says} labels=${cut(labels)} ticks=${cut(ticks)} edges=${!byMinute || undefined} format=${figure.axis} least=${figure.currency ? 100 : 4} part=${running >= 0 ? running - first : undefined}
          now=${live && running >= 0 ? { at: (nowMinute - from) / size - first, label: hhmm(nowMinute) } : undefined}
          series=${kinds.map((kind, d) => ({ kind, values: cut(d === 0 ? today : all[d]), share: byMinute ? 0.7 : 0.6 }))}
          onHover=${setAt} onZoom=${(a, b) => zoom(first + a, first + b)} onPick=${byMinute ? undefined : (i) => zoom(first + i, first + i)} />`}
    </div><//>`;
};

// Dimension ranks the values of a dimension.
const names = { sku: "What sells", product: "What sells", country: "Where", region: "Where", city: "Where" };
const Dimension = ({ name, rows, activity, figures, currency, span }) => {
  const [all, setAll] = useState(false);
  const has = (figure) => rows.some((row) => figure.of(row) !== undefined);
  const amount = figures.find((f) => f.currency && f.adds && has(f)) ?? figures.find((f) => f.adds && !f.currency && f.id !== "count" && has(f)) ?? figures.find((f) => f.id === "count");
  const count = figures.find((f) => f.id === "count");
  const list = rows.filter((row) => !row.rest && (!amount.currency || amount.of(row) > 0)).sort((a, b) => (amount.of(b) ?? 0) - (amount.of(a) ?? 0)), rest = rows.find((row) => row.rest);
  const total = rows.reduce((sum, row) => sum + (amount.of(row) ?? 0), 0), most = amount.currency ? total : amount.of(list[0]) ?? 0;
  const second = amount === count ? null : count;
  const shown = all ? list : list.slice(0, 9);
  const title = names[name] ?? titleOf(name);
  return html`<${Card} id=${"by-" + name} title=${title} span=${span} note=${[second?.title, amount.title].filter(Boolean).join(", ").toLowerCase()}
      foot=${(list.length > 9 || rest) && html`<button class="link" type="button" aria-expanded=${String(all)} onClick=${() => setAll(!all)}>${all ? "The first 9" : `All ${number(list.length)}${rest ? " that are told apart" : ""}`}</button>`}>
    ${list.length === 0 ? html`<${Blank} icon="inbox" title="Nothing yet">It appears here by itself.<//>` : html`<div class=${"body" + (all ? " scroll tall" : "")} tabindex=${all ? "0" : undefined}><ol class="rank">${shown.map((row) => html`<li key=${row.value} style=${{ "--w": (most ? Math.max(0.5, 100 * (amount.of(row) ?? 0) / most) : 0) + "%" }}>
      <span class="what" title=${row.value || "not given"}>${row.value || html`<span class="muted">not given</span>`}</span>${second && html`<span class="qty">${second.write(second.of(row))}<span class="sr"> ${second.title.toLowerCase()}, </span></span>`}<span class="amt">${amount.write(amount.of(row))}</span></li>`)}
      ${all && rest && html`<li style=${{ "--w": "0%" }}><span class="what muted">all others</span>${second && html`<span class="qty">${second.write(second.of(rest))}</span>`}<span class="amt">${amount.write(amount.of(rest))}</span></li>`}</ol></div>`}<//>`;
};

// Facts are the figures that no tile has, in every currency.
const Facts = ({ day, cancelled, activity, currencies, zone, span, net }) => {
  const rows = [];
  for (const [name, value] of measuresOf(day)) {
    if (!isMoney(value)) continue;
    for (const currency of currencies) {
      const stats = day.stats?.[name]?.[currency];
      if (!stats?.count && !value[currency]) continue;
      rows.push([`${titleOf(name)}, ${currency}`, money(currency, value[currency] ?? 0), counted(stats?.count ?? 0, activity)]);
      const off = cancelled?.[name]?.[currency];
      if (off) rows.push([`Cancelled, ${currency}`, money(currency, -off), `net ${money(currency, (value[currency] ?? 0) - off)}`]);
      if (stats?.count > 1) rows.push([`Least to most, ${currency}`, `${money(currency, stats.min)} to ${money(currency, stats.max)}`, `mean ${money(currency, Math.round(stats.mean))}`]);
    }
  }
  if (cancelled) rows.push(["Cancellations", number(cancelled.count), day.count ? percent(cancelled.count / day.count) : ""]);
  for (const [name, value] of measuresOf(day)) {
    if (isMoney(value)) continue;
    const stats = day.stats?.[name];
    if (stats && "exact" in stats) rows.push([titleOf(name), number(value), stats.exact === false ? `±${percent(stats.relative_error ?? 0)}` : "exact"]);
    else rows.push([activity === "ORDER_CREATED" && name === "items" ? "Lines" : titleOf(name), number(value), stats?.count ? `${(stats.mean ?? 0).toFixed(1)} a${nounOf(activity)[0][0] === "o" || nounOf(activity)[0][0] === "e" ? "n" : ""} ${nounOf(activity)[0]}` : ""]);
  }
  if (day.first) rows.push(["First and last", `${clock(day.first, zone)} to ${clock(day.last, zone)}`, ""]);
  return html`<${Card} id="facts" title="Every figure" span=${span} note=${day.final ? "final" : "so far"}>
    <div class="scroll"><table><caption class="sr">Every figure</caption><tbody>${rows.map(([what, value, note]) => html`<tr key=${what}><th scope="row">${what}</th><td class="num">${note && html`<span class="muted">${note}</span> `}<span class="strong nowrap lead-gap">${value}</span></td></tr>`)}</tbody></table></div><//>`;
};

/** Day is the page of one day. live is today as the stream tells it: { figures, minutes }, or nothing before it has told. */
export const Day = ({ activity, activities, base, query, zone, ownZone, orders, live }) => {
  const now = useNow(10);
  const today = live?.figures?.day ?? dateOf(now, zone), date = query.day ?? today, isToday = date === today;
  const tz = zone === ownZone ? "" : "tz=" + encodeURIComponent(zone);
  const path = (day, more = "", rest = "") => `${base}/days/${day}${more}${[tz, rest].filter(Boolean).length ? "?" + [tz, rest].filter(Boolean).join("&") : ""}`;
  const nowMinute = minuteAt(clock(now, zone));
  const until = isToday ? "until=" + encodeURIComponent(hhmm(Math.floor(nowMinute / 15) * 15)) : "";
  const other = (days) => {
    const of = addDays(date, -days);
    return { of, whole: useAsk(path(of)), part: useAsk(isToday ? path(of, "", until) : null), minutes: useAsk(isToday || query.zoom ? path(of, "/minutes") : null) };
  };
  const day = useAsk(path(date), isToday ? 5 : 0), prev = other(1), week = other(7);
  const ownMinutes = useAsk(!isToday && query.zoom ? path(date, "/minutes") : null);
  const opposite = activity.endsWith("_CREATED") ? activity.replace(/_CREATED$/, "_CANCELLED") : "";
  const cancelled = useAsk(activities.includes(opposite) ? path(date).replace(`/${activity}/`, `/${opposite}/`) : null, isToday ? 10 : 0).data;

  const figures = isToday && live?.figures?.day === date ? live.figures : null;
  const data = figures && day.data ? { ...day.data, ...figures } : day.data ?? figures;
  const currencies = currenciesOf([data, prev.whole.data, week.whole.data].filter(Boolean));
  const currency = currencies.includes(query.cur) ? query.cur : currencies[0] ?? "";
  const sample = day.data ?? prev.whole.data ?? figures;
  const list = useMemo(() => sample ? figuresOf(activity, { ...sample, stats: { ...prev.whole.data?.stats, ...sample.stats } }, currency) : [], [sample, activity, currency]);
  useEffect(() => {
    if (list.length && !performance.getEntriesByName("ordertally-figures").length) performance.mark("ordertally-figures");
  });

  if (day.problem && !day.data) return html`<div class="stack"><${Head} title=${longDay(date)} zone=${zone} ownZone=${ownZone} /><${Card}><${Failed} problem=${day.problem} what="the day" again=${day.again} /><//></div>`;
  const words = isToday ? ["Today", "Yesterday", "A week ago"] : [shortDay(date), weekday(prev.of), weekday(week.of)];
  const others = (figure) => [[isToday ? "yesterday" : weekday(prev.of), prev], ["a week ago", week]].map(([word, o]) => {
    if (!isToday) return [word, figure.of(o.whole.data)];
    if (figure.adds && o.minutes.data && (!o.minutes.data.minutes[0] || figure.of(o.minutes.data.minutes[0]) !== undefined)) return [word, sumOf(figure, o.minutes.data.minutes, nowMinute, zone)];
    return [word, figure.of(o.part.data)];
  });
  const tiles = list.slice(0, 5);
  const title = isToday ? `Today, ${longDay(date)}` : longDay(date, date.slice(0, 4) !== today.slice(0, 4));
  const [zoomFrom, zoomTo] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.test(query.zoom ?? "") ? query.zoom.split("-").map(minuteAt) : [0, 1440];
  const zoomed = zoomTo > zoomFrom && zoomTo - zoomFrom < 1440, from = zoomed ? zoomFrom : 0, end = zoomed ? zoomTo : 1440;
  const size = zoomed && end - from <= 180 ? 1 : 60;
  const minutesOf = (o) => o.minutes.data?.minutes;
  const days = [
    { hours: data?.hours, minutes: isToday && live ? [...live.minutes.values()] : size < 60 ? ownMinutes.data?.minutes ?? [] : undefined },
    { hours: prev.whole.data?.hours, minutes: size < 60 ? minutesOf(prev) ?? [] : undefined },
    { hours: week.whole.data?.hours, minutes: size < 60 ? minutesOf(week) ?? [] : undefined },
  ];
  const charts = list.filter((f) => f.adds).slice(0, 2);
  const dimensions = Object.entries(data?.dimensions ?? {}).sort(([a], [b]) => (names[b] === "What sells") - (names[a] === "What sells"));
  const starts = day.data?.hours?.length ? day.data.hours[0].starts_at : null;
  const ordersLink = (a, b) => orders && starts && activity.startsWith("ORDER_") && `${orders}/?${new URLSearchParams({ placed_from: new Date(Date.parse(starts) + a * 60e3).toISOString(), placed_to: new Date(Date.parse(starts) + Math.min(b * 60e3, day.data.hours.length * 3600e3)).toISOString() })}`;
  const nothing = data && data.count === 0 && !prev.whole.data?.count && !week.whole.data?.count;
  const download = () => {
    const rows = [["day", "hour", ...list.filter((f) => f.of(data.hours[0]) !== undefined).map((f) => f.id + (f.currency ? "_" + f.currency.toLowerCase() + "_minor" : ""))]];
    for (const o of [day.data, prev.whole.data, week.whole.data].filter(Boolean)) {
      for (const hour of o.hours) rows.push([o.day, hour.starts_at.slice(11, 16), ...list.filter((f) => f.of(data.hours[0]) !== undefined).map((f) => f.of(hour) ?? 0)]);
    }
    save(`${activity.toLowerCase()}-${date}.csv`, rows);
  };
  const net = list[0]?.currency && cancelled?.[list[0].id]?.[currency];

  return html`<div class="stack">
    <${Head} title=${title} zone=${zone} ownZone=${ownZone} note=${isToday ? `Compared up to the same time, ${hhmm(nowMinute)}.` : data?.final ? "Final." : data?.partial ? "The topic had forgotten a part of it." : "Not final yet."}>
      ${currencies.length > 1 && html`<${Segment} label="Currency" value=${currency} options=${currencies.slice(0, 4).map((c) => [c, currencyLabel(c)])} onChange=${(c) => go(change({ cur: c === currencies[0] ? undefined : c }), { replace: true })} />`}
      <${Activities} names=${activities} activity=${activity} />
      <span class="stepper">
        <a class="btn iconly" href=${change({ day: addDays(date, -1), zoom: undefined })}><${Icon} name="left" /><span class="sr">The day before</span></a>
        <label class="chip"><span>Day</span><${DateField} id="date" value=${date} max=${today} onPick=${(day) => go(change({ day: day === today ? undefined : day, zoom: undefined }))} /></label>
        <a class="btn iconly" aria-disabled=${isToday ? "true" : undefined} href=${isToday ? undefined : change({ day: addDays(date, 1) === today ? undefined : addDays(date, 1), zoom: undefined })}><${Icon} name="right" /><span class="sr">The day after</span></a>
      </span>
    <//>
    ${list.length === 0
      ? html`<div class="stack">${isToday && html`<div class="tiles"><${Tile} hero name=${titleOf(activity)} value=${html`<${Digits} id="today-count" n=${figures?.count} />`} /></div>`}<${Card}>${day.data ? html`<${Blank} icon="inbox" title="Nothing was counted yet">The first ${nounOf(activity)[0]} appears here by itself.<//>` : html`<${Loading} />`}<//></div>`
      : html`<div class=${"tiles" + (tiles.length === 5 ? " five" : "")}>${tiles.map((figure, i) => {
        const value = figure.of(data);
        return html`<${Tile} key=${figure.id} hero=${i === 0} name=${figure.title} value=${figure.id === "count" && isToday ? html`<${Digits} id="today-count" n=${value} />` : figure.write(value)}>
          ${i === 0 && net ? html`<p class="n">${figure.write(value - net)} net of ${counted(cancelled.count, opposite)}</p>` : ""}
          <${Compared} figure=${figure} now=${value} others=${others(figure)} /><//>`;
      })}</div>`}
    ${nothing
      ? html`<${Card}><${Blank} icon="inbox" title=${`No ${nounOf(activity)[1]} ${isToday ? "yet today" : "on this day"}`} tools=${latestOf(day.data, zone, date)}>${isToday ? "The first one appears here by itself." : "Nothing was counted on this day, the day before, or a week before."}<//><//>`
      : list.length > 0 && html`<div class="stack">
      ${(zoomed || ordersLink(0, 1440)) && html`<div class="head sect keep-scroll"><h2>${zoomed ? `${hhmm(from)} to ${end >= 1440 ? "24:00" : hhmm(end)}` : "Through the day"}</h2>
        <div class="tools">${zoomed && html`<a class="btn bare" href=${change({ zoom: undefined })}>All day</a>`}
        <button class="btn" type="button" onClick=${download}><${Icon} name="download" />Download CSV</button>
        ${ordersLink(from, end) && html`<a class="btn" href=${ordersLink(from, end)} rel="external">${zoomed ? "These orders" : isToday ? "All of today’s orders" : "Orders of the day"}</a>`}</div></div>`}
      <div class="grid">${charts.map((figure) => html`<${ChartCard} key=${figure.id} id=${"chart-" + figure.id} figure=${figure} activity=${activity} days=${days} live=${isToday} nowMinute=${nowMinute} from=${from} end=${end} size=${size} table=${query.show === "table"} words=${words} zone=${zone} />`)}
      ${dimensions.slice(0, 2).map(([name, rows], i) => html`<${Dimension} key=${name} name=${name} rows=${rows} activity=${activity} figures=${list} currency=${currency} span=${dimensions.length > 1 ? "c4" : "c6"} />`)}
      ${data && html`<${Facts} day=${data} cancelled=${cancelled} activity=${activity} currencies=${currencies} zone=${zone} span=${dimensions.length > 1 ? "c4" : dimensions.length ? "c6" : "c12"} />`}
      ${dimensions.slice(2).map(([name, rows]) => html`<${Dimension} key=${name} name=${name} rows=${rows} activity=${activity} figures=${list} currency=${currency} span="c4" />`)}</div></div>`}</div>`;
};

// latestOf leads to the day of the latest event, where today has none.
const latestOf = (data, zone, date) => {
  const latest = data?.as_of?.event_time && dateOf(data.as_of.event_time, zone);
  return latest && latest !== date ? html`<a class="btn" href=${change({ day: latest })}>Look at ${weekday(latest, true)}</a>` : null;
};

import { html, render, events, ask, color, Shell, Keep } from "/assets/console.js";

// The page of the activity service. It knows the API as any client does: /v1/activities, days, live. No part of an answer becomes HTML.
(() => {
  const old = document.createElement("div"), main = document.querySelector("main");
  old.className = "stack";
  old.append(...main.children);
  main.remove();
  render(html`<${Shell} service="statistics" health=${{}} call="GET /v1/activities"><${Keep} element=${old} /><//>`, document.body);
  const $ = (id) => document.getElementById(id);
  const activity = new URLSearchParams(location.search).get("activity") || document.body.dataset.activity;
  const base = "/v1/activities/" + encodeURIComponent(activity);
  const own = new Set(["activity", "day", "week", "month", "tz", "count", "first", "last", "stats", "dimensions", "hours", "hour", "minute", "minutes",
    "as_of", "lag", "final", "partial", "unavailable", "starts_at", "value", "rest", "not_told_apart", "from", "to"]);

  const words = (name) => name.replaceAll("_", " ");
  const whole = new Intl.NumberFormat();
  // money writes minor units of a currency.
  const money = (currency, minor) => {
    try {
      const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
      return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
    } catch {
      return whole.format(minor) + " " + currency;
    }
  };
  const isMoney = (value) => typeof value === "object" && value !== null;
  const text = (value) => isMoney(value)
    ? Object.entries(value).map(([currency, minor]) => money(currency, minor)).join(", ") || "–"
    : whole.format(value);
  // measures returns the names and values of an answer that are figures.
  const measures = (answer) => Object.entries(answer).filter(([name]) => !own.has(name));

  const fill = (row, tag, cells) => {
    for (const [i, cell] of cells.entries()) {
      const element = document.createElement(i === 0 && tag === "td" ? "th" : tag);
      if (element.tagName === "TH") element.scope = tag === "td" ? "row" : "col";
      element.textContent = cell;
      row.append(element);
    }
    return row;
  };
  const rows = (body, lines, tag = "td") => body.replaceChildren(...lines.map((cells) => fill(document.createElement("tr"), tag, cells)));

  const get = (path) => ask(path);

  // A chart of counts as bars and of one currency's sums as a line. Data is replaced, never the chart.
  const charts = [];
  const chart = (element, zone) => {
    let currency = ""; // while there are no sums
    const axis = { stroke: () => color("--ink-2"), grid: { stroke: () => color("--line") }, ticks: { stroke: () => color("--line") } };
    const plot = new uPlot({
      width: element.clientWidth || 320, height: 220, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      scales: { orders: { range: (_, __, most) => [0, Math.max(most, 1)] }, money: { range: (_, __, most) => [0, Math.max(most, 1)] } },
      axes: [axis, { ...axis, scale: "orders", size: 60 },
        { ...axis, scale: "money", side: 1, size: 90, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => currency && money(currency, tick)) }],
      series: [{}, { label: "count", scale: "orders", stroke: () => color("--s-now"), fill: () => color("--s-now") , paths: uPlot.paths.bars({ size: [0.9, 40] }), points: { show: false } },
        { label: "sum", scale: "money", stroke: () => color("--s-week"), width: 2, points: { show: false }, value: (_, v) => v == null || !currency ? "–" : money(currency, v) }],
    }, [[], [], []], element);
    charts.push([plot, element]);
    return (code, data) => { currency = code; plot.setData(data); };
  };
  addEventListener("resize", () => charts.forEach(([plot, element]) => plot.setSize({ width: element.clientWidth, height: 220 })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(([plot]) => plot.redraw(false, true)));
  // sums returns the first measure that is kept by currency, and the currency with most of it.
  const sums = (answers) => {
    for (const answer of answers) {
      for (const [name, value] of measures(answer)) {
        if (isMoney(value) && Object.keys(value).length) return [name, Object.entries(value).sort((a, b) => b[1] - a[1])[0][0]];
      }
    }
    return ["", ""];
  };

  // Today, live.
  let minutes = new Map(), plot = null;
  const drawMinutes = (today) => {
    const [name, currency] = sums([today]);
    if (!minutes.size) return;
    plot ??= chart($("minutes"), today.tz);
    const now = Math.floor(Date.now() / 60e3) * 60, x = [], counts = [], amounts = [];
    for (let t = Math.min(now - 3600, ...minutes.keys()); t <= Math.max(now, ...minutes.keys()); t += 60) {
      const minute = minutes.get(t);
      x.push(t);
      counts.push(minute ? minute.count : 0);
      amounts.push(minute ? (minute[name]?.[currency] ?? 0) : 0);
    }
    plot(currency, [x, counts, amounts]);
  };
  const connection = (words, lost) => {
    if ($("connection").textContent !== words) $("connection").textContent = words; // a screen reader hears changes only
    $("connection").classList.toggle("lost", lost);
  };
  const show = (today) => {
    $("today-count").textContent = today.count;
    document.title = today.count + " today: " + activity;
    $("today-title").querySelector("small").textContent = today.day + " " + today.tz;
    $("today-figures").replaceChildren(...measures(today).flatMap(([name, value]) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = words(name);
      dd.textContent = text(value);
      const group = document.createElement("div");
      group.append(dt, dd);
      return [group];
    }));
    drawMinutes(today);
    connection(today.lag === undefined ? "Kafka has not answered yet." : today.lag > 0 ? `Messages that wait to be counted: ${whole.format(today.lag)}` : "Live. All messages are counted.", false);
  };
  const take = (event) => {
    const today = JSON.parse(event.data);
    if (event.type === "snapshot") minutes = new Map();
    for (const minute of today.minutes) minutes.set(Date.parse(minute.minute) / 1000, minute);
    delete today.minutes;
    show(today);
  };
  events(base + "/live", ["snapshot", "update"], take, () => connection("The connection is lost; trying again.", true));

  // What is parked.
  const waiting = async () => {
    const { activities } = await get("/v1/activities");
    const mine = activities.find((a) => a.name === activity);
    const parts = [[mine?.parked, "parked: cannot be counted"], [mine?.late, "late: may have been counted before"]].filter(([n]) => n > 0);
    $("waiting").textContent = parts.map(([n, what]) => `${whole.format(n)} ${what}`).join("; ") + (parts.length ? ". See `activity parked ls` and `activity late ls`." : "");
  };

  // A day, and the last 30.
  const zone = () => $("zone").value.trim();
  const showDay = (day) => {
    $("figures").caption.textContent = `${day.day} in ${day.tz}` + (day.final ? ", final" : "");
    const lines = [["count", whole.format(day.count)], ...measures(day).map(([name, value]) => [words(name), text(value)])];
    for (const [name, stats] of Object.entries(day.stats ?? {})) {
      for (const [currency, s] of Object.entries(stats)) {
        if (s && s.mean !== undefined) lines.push([`${words(name)}, ${currency}: least, mean, most`, [s.min, s.mean, s.max].map((n) => money(currency, n)).join(" · ")]);
      }
    }
    const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", timeZone: day.tz });
    if (day.first) lines.push(["first, last", clock.format(new Date(day.first)) + " · " + clock.format(new Date(day.last))]);
    rows($("figures").tBodies[0], lines);
    const hours = (day.hours ?? []).filter((hour) => hour.count > 0), names = measures(day).map(([name]) => name);
    rows($("hours").tHead, hours.length ? [["hour", "count", ...names.map(words)]] : [], "th");
    rows($("hours").tBodies[0], hours.map((hour) => [hour.starts_at.slice(11, 16), whole.format(hour.count), ...names.map((name) => text(hour[name]))]));
    $("hours").hidden = !hours.length;
    $("dimensions").replaceChildren(...Object.entries(day.dimensions ?? {}).filter(([, values]) => values.length).map(([name, values]) => {
      const table = document.createElement("table"), wide = document.createElement("div"), columns = measures(values[0]).map(([n]) => n);
      wide.className = "wide";
      table.createCaption().textContent = words(name);
      rows(table.createTHead(), [[words(name), "count", ...columns.map(words)]], "th");
      rows(table.createTBody(), values.map((v) => [v.rest ? "others" : v.value || "not given", whole.format(v.count), ...columns.map((n) => text(v[n]))]));
      wide.append(table);
      return wide;
    }));
  };
  let month = null;
  const showMonth = ({ days, to }) => {
    const [name, currency] = sums(days);
    month ??= chart($("month"), "UTC"); // its points are days
    month(currency, [days.map((d) => Date.parse(d.day) / 1000), days.map((d) => d.count), days.map((d) => d[name]?.[currency] ?? 0)]);
    const names = measures(days.find((d) => !d.unavailable) ?? {}).map(([n]) => n);
    $("last-title").textContent = `30 days to ${to}`;
    rows($("days").tHead, [["day", "count", ...names.map(words)]], "th");
    rows($("days").tBodies[0], days.toReversed().map((d) => d.unavailable ? [d.day, "cannot be told in this zone"] : [d.day, whole.format(d.count), ...names.map((n) => text(d[n]))]));
  };
  let asked = 0;
  const update = async () => {
    const to = $("date").value, tz = "tz=" + encodeURIComponent(zone()), mine = ++asked;
    if (!to || !zone()) return; // half typed
    const from = new Date(Date.parse(to) - 29 * 86400e3).toISOString().slice(0, 10);
    try {
      const [day, month] = await Promise.all([get(`${base}/days/${to}?${tz}`), get(`${base}/days?from=${from}&to=${to}&${tz}`)]);
      if (mine !== asked) return; // something else was picked meanwhile
      $("day-problem").textContent = "";
      showDay(day);
      showMonth(month);
    } catch (problem) {
      if (mine === asked) $("day-problem").textContent = problem.message;
    }
  };
  const today = (timeZone) => {
    const part = Object.fromEntries(new Intl.DateTimeFormat("en", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts().map((p) => [p.type, p.value]));
    return `${part.year}-${part.month}-${part.day}`;
  };

  $("zone").value = document.body.dataset.zone;
  $("date").value = today(document.body.dataset.zone);
  $("zones").replaceChildren(...Intl.supportedValuesOf("timeZone").map((name) => Object.assign(document.createElement("option"), { value: name })));
  $("activity").value = activity;
  $("activity").addEventListener("change", (event) => location.assign("/?activity=" + encodeURIComponent(event.target.value)));
  $("day").addEventListener("submit", (event) => { event.preventDefault(); update(); });
  $("date").addEventListener("change", update);
  $("zone").addEventListener("change", update);
  const poll = () => waiting().catch(() => {}); // the connection's line says what is wrong
  poll();
  setInterval(poll, 10000);
  update();
})();

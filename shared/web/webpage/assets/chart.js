// Charts of both consoles. uPlot keeps scales, axes, the cursor and the selection; what is drawn between the axes is drawn here, with the
// colours of console.css. It is loaded when the first chart is drawn, after the first figures.
import { html, color, useEffect, useRef, useState } from "/assets/console.js";

let loading = null;
const library = () => loading ??= new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = "/assets/uPlot-1.6.32.iife.min.js";
  script.onload = () => resolve(window.uPlot);
  script.onerror = reject;
  document.head.append(script);
});

const tokens = ["--surface", "--ink", "--bg", "--ink-2", "--line", "--line-2", "--s-now", "--s-now-soft", "--s-prev", "--s-prev-fill", "--s-week", "--act", "--act-soft", "--act-fill", "--on-fill", "--accent"];
let colors = null;
const palette = () => colors ??= Object.fromEntries(tokens.map((token) => [token.slice(2), color(token)]));
addEventListener("ordertally-theme", () => { colors = null; });

const font = () => `${12 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;

// steps traces one flat piece a bucket, and goes down to the axis where there is none.
const steps = (u, values) => {
  const path = new Path2D();
  let open = false;
  values.forEach((value, i) => {
    if (value == null) {
      open = false;
      return;
    }
    const x0 = u.valToPos(i, "x", true), x1 = u.valToPos(i + 1, "x", true), y = u.valToPos(value, "y", true);
    open ? path.lineTo(x0, y) : path.moveTo(x0, y);
    path.lineTo(x1, y);
    open = true;
  });
  return path;
};
const line = (u, values) => {
  const path = new Path2D();
  let open = false;
  values.forEach((value, i) => {
    if (value == null) {
      open = false;
      return;
    }
    const x = u.valToPos(i + 0.5, "x", true), y = u.valToPos(value, "y", true);
    if (!open) path.moveTo(x - 1, y); // one value alone is seen too
    path.lineTo(x, y);
    open = true;
  });
  return path;
};
const bars = (u, values, share, below) => {
  const path = new Path2D(), left = (1 - share) / 2;
  values.forEach((value, i) => {
    const from = below?.[i] ?? 0;
    if (!value) return;
    const x0 = Math.round(u.valToPos(i + left, "x", true)), x1 = Math.max(x0 + 1, Math.round(u.valToPos(i + 1 - left, "x", true)));
    const y = u.valToPos(from + value, "y", true);
    path.rect(x0, y, x1 - x0, u.valToPos(from, "y", true) - y);
  });
  return path;
};
const hatch = (context, p, scale) => {
  const tile = document.createElement("canvas"), size = Math.round(6 * scale);
  tile.width = tile.height = size;
  const c = tile.getContext("2d");
  c.fillStyle = p["s-now-soft"];
  c.fillRect(0, 0, size, size);
  c.strokeStyle = p["s-now"];
  c.lineWidth = 2 * scale;
  for (const shift of [-size, 0, size]) {
    c.beginPath();
    c.moveTo(shift - 1, size + 1);
    c.lineTo(shift + size + 1, -1);
    c.stroke();
  }
  return context.createPattern(tile, "repeat");
};

const draw = (u, { series, part, now, band }) => {
  const c = u.ctx, p = palette(), scale = devicePixelRatio, { left, top, width, height } = u.bbox;
  const by = (kind) => series.filter((s) => s.kind === kind && s.values.length);
  c.save(); // uPlot remembers what it set
  c.save();
  c.beginPath();
  c.rect(left, top - 4 * scale, width, height + 4 * scale);
  c.clip();
  for (const [from, to] of band ?? []) { // an outage
    const x0 = u.valToPos(from, "x", true), x1 = u.valToPos(to, "x", true);
    c.fillStyle = p["act-soft"];
    c.fillRect(x0, top, x1 - x0, height);
    c.fillStyle = p.act;
    c.fillRect(x0, top, 1.5 * scale, height);
  }
  for (const s of by("body")) { // a step with a body
    s.values.forEach((value, i) => {
      if (!value) return;
      const x0 = Math.round(u.valToPos(i, "x", true)), x1 = Math.round(u.valToPos(i + 1, "x", true)), y = u.valToPos(value, "y", true);
      c.fillStyle = p["s-prev-fill"];
      c.fillRect(x0, y, x1 - x0, top + height - y);
    });
  }
  let solid = null;
  for (const s of by("bar")) {
    const whole = s.values.map((v, i) => i === part ? null : v), running = s.values.map((v, i) => i === part ? v : null);
    solid = bars(u, whole, s.share ?? 0.62);
    c.fillStyle = p["s-now"];
    c.fill(solid);
    const open = bars(u, running, s.share ?? 0.62);
    c.fillStyle = p["s-now-soft"];
    c.fill(open);
    c.strokeStyle = p["s-now"];
    c.lineWidth = 1.25 * scale;
    c.stroke(open);
    if (s.above) { // what was cancelled stands on top
      c.fillStyle = s.solid ? p["s-now"] : hatch(c, p, scale);
      c.fill(bars(u, s.above, s.share ?? 0.62, s.values));
    }
  }
  for (const s of [...by("body"), ...by("step")]) {
    const path = steps(u, s.values);
    if (solid) { // a halo where a line crosses a bar
      c.save();
      c.clip(solid);
      c.strokeStyle = p.surface;
      c.lineWidth = 3.5 * scale;
      c.stroke(path);
      c.restore();
    }
    c.strokeStyle = p[s.kind === "body" ? "s-prev" : "s-week"];
    c.lineWidth = 1.5 * scale;
    c.setLineDash(s.kind === "step" ? [4 * scale, 3 * scale] : []);
    c.stroke(path);
    c.setLineDash([]);
  }
  for (const s of by("tick")) { // the earlier period
    s.values.forEach((value, i) => {
      if (!value) return;
      const x0 = u.valToPos(i + 0.08, "x", true), x1 = u.valToPos(i + 0.92, "x", true), y = u.valToPos(value, "y", true);
      c.fillStyle = p.surface;
      c.fillRect(x0, y - 2 * scale, x1 - x0, 4 * scale);
      c.fillStyle = p["s-week"];
      c.fillRect(x0, y - scale, x1 - x0, 2 * scale);
    });
  }
  for (const s of [...by("line"), ...by("second")]) {
    const path = line(u, s.values), first = s.kind === "line";
    if (first) {
      const area = new Path2D(path), known = s.values.map((v, i) => v == null ? -1 : i).filter((i) => i >= 0);
      if (known.length) {
        area.lineTo(u.valToPos(known.at(-1) + 0.5, "x", true), top + height);
        area.lineTo(u.valToPos(known[0] + 0.5, "x", true), top + height);
        c.globalAlpha = 0.12;
        c.fillStyle = p["s-now"];
        c.fill(area);
        c.globalAlpha = 1;
      }
    }
    c.strokeStyle = p[first ? "s-now" : "s-prev"];
    c.lineWidth = (first ? 2 : 1.5) * scale;
    c.lineJoin = "round";
    c.stroke(path);
  }
  c.restore();
  c.fillStyle = p["line-2"];
  c.fillRect(left, top + height - scale / 2, width, scale);
  if (now) { // a mark at now
    const x = u.valToPos(now.at, "x", true);
    c.strokeStyle = p["ink-2"];
    c.lineWidth = scale;
    c.setLineDash([2 * scale, 3 * scale]);
    c.beginPath();
    c.moveTo(x, top);
    c.lineTo(x, top + height);
    c.stroke();
    c.setLineDash([]);
    c.font = "600 " + font();
    const w = c.measureText(now.label).width + 10 * scale, h = 18 * scale, from = Math.min(Math.max(x - w / 2, left), left + width - w);
    c.fillStyle = p.ink;
    c.beginPath();
    c.roundRect(from, top - h / 2, w, h, 4 * scale);
    c.fill();
    c.fillStyle = p.bg;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(now.label, from + w / 2, top + scale / 2);
  }
  c.restore();
};

// most is the end of the axis: the next round number, so that at most four lines are drawn.
const most = (values, least) => {
  const top = Math.max(least, ...values);
  const power = 10 ** Math.floor(Math.log10(top));
  for (const step of [0.25, 0.5, 1, 2, 2.5, 5, 10]) {
    for (const n of [3, 4]) {
      if (step * power * n >= top && (step * power >= least / 4 || step * power * n >= least)) return [step * power * n, n];
    }
  }
  return [top, 4];
};

/**
 * Plot draws buckets from left to right.
 *   labels   what stands below each bucket; every so many are written, as many as there is room for
 *   ticks    if given, for each bucket whether its label may be written
 *   series   [{ kind, values }]: "bar" (with above, solid), "body" and "step" (other days), "tick" (an earlier period), "line", "second"
 *   format   writes a value at the axis
 *   least    the least end of the axis
 *   part     the bucket that goes on
 *   now      { at, label }: a mark, at in buckets
 *   band     [[from, to]]: outages, in buckets
 *   onHover  called with the bucket under the pointer, or null
 *   onPick   called with the bucket that was pressed
 *   onZoom   called with the first and the last bucket that were dragged over
 *   says     the chart in a sentence
 */
export const Plot = ({ height = 240, low, says, ...chart }) => {
  const place = useRef(null), plot = useRef(null), latest = useRef(chart);
  latest.current = chart;
  const [missing, setMissing] = useState(false);
  const all = () => latest.current.series.flatMap((s) => s.above ? s.values.map((v, i) => (v ?? 0) + (s.above[i] ?? 0)) : s.values).filter((v) => v != null);
  useEffect(() => {
    let gone = false, dragged = false;
    const redraw = () => plot.current?.setData([[0], [0]]);
    const resize = new ResizeObserver(() => {
      const width = place.current?.clientWidth;
      if (plot.current && width) plot.current.setSize({ width, height });
    });
    const shown = new Promise((resolve) => setTimeout(resolve)); // the figures first
    shown.then(library).then((uPlot) => {
      if (gone) return;
      const grid = { stroke: () => palette().line, width: 1 };
      plot.current = new uPlot({
        width: place.current.clientWidth || 320, height, padding: [14, 8, 0, 0], legend: { show: false },
        scales: { x: { time: false, range: () => [0, latest.current.labels.length] }, y: { range: () => [0, most(all(), latest.current.least ?? 1)[0]] } },
        axes: [
          {
            stroke: () => palette()["ink-2"], font: `12px ${getComputedStyle(document.body).fontFamily}`, size: 26, gap: 6, grid: { show: false }, ticks: { show: false },
            splits: (u) => {
              const { labels, ticks, edges } = latest.current, room = Math.max(1, Math.floor(u.bbox.width / devicePixelRatio / (Math.max(4, ...labels.map((l) => l.length)) * 7.2 + 14)));
              const may = labels.map((_, i) => i).filter((i) => !ticks || ticks[i]), every = Math.ceil(may.length / room);
              return may.filter((_, n) => n % every === 0).map((i) => edges ? i : i + 0.5).filter((at) => !edges || at > 0);
            },
            values: (_, splits) => splits.map((at) => latest.current.labels[Math.floor(at)]),
          },
          {
            stroke: () => palette()["ink-2"], font: `12px ${getComputedStyle(document.body).fontFamily}`, gap: 8, grid, ticks: { show: false },
            size: (u, values) => values ? Math.max(...values.map((v) => v.length)) * 7.2 + 14 : 50,
            splits: () => {
              const [end, n] = most(all(), latest.current.least ?? 1);
              return Array.from({ length: n + 1 }, (_, i) => end / n * i);
            },
            values: (_, splits) => splits.map((v) => latest.current.format(v)),
          },
        ],
        series: [{}, { paths: () => null, points: { show: false } }],
        cursor: {
          y: false, x: false, points: { show: false }, drag: { x: Boolean(latest.current.onZoom), y: false, setScale: false, dist: 6 },
          bind: { dblclick: () => null },
        },
        hooks: {
          draw: [(u) => draw(u, latest.current)],
          setCursor: [(u) => {
            const i = u.cursor.left < 0 ? null : Math.floor(u.posToVal(u.cursor.left, "x"));
            latest.current.onHover?.(i === null || i >= latest.current.labels.length ? null : i);
          }],
          setSelect: [(u) => {
            const { left, width } = u.select;
            if (width < 6) return;
            dragged = true;
            setTimeout(() => { dragged = false; });
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            const last = latest.current.labels.length - 1, at = (x) => Math.min(last, Math.max(0, Math.floor(u.posToVal(x, "x"))));
            latest.current.onZoom?.(at(left), at(left + width - 0.01));
          }],
        },
      }, [[0], [0]], place.current);
      plot.current.over.addEventListener("click", () => {
        const i = Math.floor(plot.current.posToVal(plot.current.cursor.left, "x"));
        if (!dragged && i >= 0 && i < latest.current.labels.length) latest.current.onPick?.(i);
      });
      resize.observe(place.current);
      addEventListener("ordertally-theme", redraw);
      redraw();
    }, () => setMissing(true));
    return () => {
      gone = true;
      resize.disconnect();
      removeEventListener("ordertally-theme", redraw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [height]);
  useEffect(() => { plot.current?.setData([[0], [0]]); });
  return html`<div class=${"chart" + (chart.onPick ? " pick" : "")} role="img" aria-label=${says} style=${{ height: height + "px" }} ref=${place}>${missing && "The chart could not be loaded; the table has all values."}</div>`;
};

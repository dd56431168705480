// The frame of both consoles: router, shell, components. No part of an answer becomes HTML: htm makes elements, and text is text.
import { html, render, h, Component, createContext, useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext } from "/assets/htm-preact-3.1.1.js";
import { ask, forgetKey, askForKey } from "/assets/ask.js";
import { number } from "/assets/format.js";

export { html, render, h, Component, createContext, useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext };
export * from "/assets/ask.js";
export * from "/assets/format.js";

// ---------- Theme ----------
const root = document.documentElement;
const theme = localStorage.getItem("ordertally-theme");
if (theme) root.dataset.theme = theme;
const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const otherTheme = () => {
  root.dataset.theme = dark() ? "light" : "dark";
  localStorage.setItem("ordertally-theme", root.dataset.theme);
  themed();
};
const themed = () => dispatchEvent(new Event("ordertally-theme")); // charts are drawn anew
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);
/** color returns the value of a token, such as --s-now, in the theme that is shown. */
export const color = (token) => {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
};

// ---------- Router: all state of a page is in its URL ----------
const read = () => ({ path: location.pathname, query: Object.fromEntries(new URLSearchParams(location.search)) });
let current = read();
const listeners = new Set();
const changed = () => {
  current = read();
  for (const listener of listeners) listener(current);
};
addEventListener("popstate", changed);
/** go shows another state of the page. replace leaves no entry in the history. */
export const go = (href, { replace = false } = {}) => {
  if (href === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", href);
  changed();
};
/** to returns the URL of a state: these parameters and no others. Empty ones are left out. */
export const to = (query, path = location.pathname) => {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "")).toString();
  return path + (text && "?" + text);
};
/** change returns the URL of this state with some parameters changed. */
export const change = (query) => to({ ...current.query, ...query });
/** useRoute returns the state: {path, query}. The component is drawn again when it changes. */
export const useRoute = () => {
  const [route, set] = useState(current);
  useEffect(() => {
    listeners.add(set);
    if (route !== current) set(current);
    return () => listeners.delete(set);
  }, []);
  return route;
};
// A link to another state of the same page does not load the page again. rel="external" says that it is another page.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.rel === "external" || link.target || link.hasAttribute("download") || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(link.pathname + link.search);
  if (!link.closest(".keep-scroll")) scrollTo(0, 0);
});

// ---------- Icons ----------
const paths = {
  brand: "M5 4.5v15M9.7 4.5v15M14.3 4.5v15M19 4.5v15M2.5 16.5l19-9",
  search: "M4 11a7 7 0 1 0 14 0a7 7 0 1 0-14 0m16 9-3.5-3.5",
  sun: "M8 12a4 4 0 1 0 8 0a4 4 0 1 0-8 0M12 2v2m0 16v2M4.9 4.9l1.4 1.4m11.4 11.4 1.4 1.4M2 12h2m16 0h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  bars: "M4 20V11m5.3 9V5m5.4 15v-7M20 20V8",
  calendar: "M5.5 5h13A2.5 2.5 0 0 1 21 7.5v11a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 18.5v-11A2.5 2.5 0 0 1 5.5 5M3 10h18M8 3v4m8-4v4",
  tally: "M5 5v14M9.7 5v14M14.3 5v14M19 5v14M3 15.5 21 8.5",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  outbox: "M4 13v5a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-5M12 15V4m-4 4 4-4 4 4",
  globe: "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  copy: "M11 9h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2M5 15H4V6a2 2 0 0 1 2-2h9v1",
  inbox: "M3 13h5l1.5 3h5L16 13h5M5 5h14l2 8v6H3v-6L5 5Z",
  alert: "M12 8v5m0 3.5h.01M10.3 4 2.6 17.5A2 2 0 0 0 4.3 20.5h15.4a2 2 0 0 0 1.7-3L13.7 4a2 2 0 0 0-3.4 0Z",
  lock: "M7 11h10a2 2 0 0 1 2 2v5a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2v-5a2 2 0 0 1 2-2M8 11V8a4 4 0 0 1 8 0v3",
  plug: "M9 3v5m6-5v5M6 8h12v3a6 6 0 0 1-12 0V8Zm6 9v4",
  check: "m5 12.5 4.5 4.5L19 7.5",
  clock: "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M12 7v5l3 2",
  retry: "M20 11a8 8 0 1 0-.7 4M20 5v6h-6",
  cross: "m6 6 12 12M18 6 6 18",
  download: "M12 4v11m-4-4 4 4 4-4M4 20h16",
  key: "M4 15a4 4 0 1 0 8 0a4 4 0 1 0-8 0m7-3 8-8m-3 3 3 3",
  left: "m14 6-6 6 6 6",
  right: "m10 6 6 6-6 6",
};
/** Icon draws one of the icons. It says nothing to a screen reader: the word stands beside it. */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${paths[name]} /></svg>`;

// ---------- Shell ----------
const tones = { good: "all is well", watch: "it heals by itself", act: "somebody must act" };

// Health says how the service is: a state, and facts of [label, value, only on wide screens].
const Health = ({ health }) => {
  const { tone = "", word, live, facts = [] } = health;
  return html`<div class=${"strip" + (tone === "act" ? " act" : "")} id="health">
    <span class="state" role="status"><span class=${`dot ${tone}${live ? " live" : ""}`} aria-hidden="true"></span>${word}</span>
    ${facts.map(([label, value, wide]) => html`<span class=${wide ? "only-wide" : ""} key=${label}>${label} <b>${value}</b></span>`)}
  </div>`;
};

/**
 * Shell is the frame of a page.
 *   service   "statistics" or "orders"
 *   other     the address of the other console, or nothing: then the switch has no link to it
 *   tabs      [{ id, label, icon, href, count, act }]; count is shown if it is over 0, red if act
 *   current   the id of the tab that is shown
 *   health    { tone: "good" | "watch" | "act" | "", word, live, facts: [[label, value, onlyWide]] }
 *   find      { label, placeholder, value, onFind(text) }, or nothing
 *   call      the page as a call, such as "GET /v1/outbox", or nothing
 */
export const Shell = ({ service, other, tabs = [], current, health, find, call, children }) => {
  const field = useRef(null);
  useEffect(() => {
    const focus = (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      event.preventDefault();
      document.querySelector("main input[type=search]") ? document.querySelector("main input[type=search]").focus() : openFind();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  });
  const openFind = () => {
    document.querySelector(".top .find")?.classList.add("open");
    field.current?.focus();
  };
  const submit = (event) => {
    event.preventDefault();
    const text = field.current.value.trim();
    if (text) find.onFind(text);
  };
  const entry = (name, label) => {
    const own = name === service;
    const inner = html`${own && html`<span class=${"dot " + (health.tone ?? "")} aria-hidden="true"></span>`}${label}${own && tones[health.tone] && html`<span class="sr">, ${tones[health.tone]}</span>`}`;
    if (own) return html`<a href="/" aria-current="true">${inner}</a>`;
    return other ? html`<a href=${other} rel="external">${inner}</a>` : null;
  };
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top">
      <div class="bar">
        <a class="brand" href="/" aria-label="Ordertally"><${Icon} name="brand" /><span>Ordertally</span></a>
        <nav class="switch" aria-label="Service">${entry("statistics", "Statistics")}${entry("orders", "Orders")}</nav>
        ${find && html`<form class="find" role="search" onSubmit=${submit}>
          <label class="sr" for="find">${find.label}</label><${Icon} name="search" />
          <input id="find" ref=${field} type="search" name="q" placeholder=${find.placeholder} defaultValue=${find.value} autocomplete="off" spellcheck="false"
            onBlur=${() => document.querySelector(".top .find").classList.remove("open")} /><kbd aria-hidden="true">/</kbd>
        </form>
        <button class="btn bare iconly m-only" type="button" onClick=${openFind}><${Icon} name="search" /><span class="sr">${find.label}</span></button>`}
        <button class=${"btn bare iconly" + (find ? "" : " end")} type="button" onClick=${otherTheme}><${Icon} name="sun" /><span class="sr">Light or dark</span></button>
      </div>
      <div class="sub">
        <nav class="tabs" aria-label=${service === "orders" ? "Orders" : "Statistics"}>${tabs.map((tab) => html`<a href=${tab.href} key=${tab.id} aria-current=${tab.id === current ? "page" : undefined}>
          <${Icon} name=${tab.icon} />${tab.label}${tab.count > 0 && html`<span class=${"count" + (tab.act ? " act" : "")}>${number(tab.count)}<span class="sr"> to decide</span></span>`}</a>`)}</nav>
        <${Health} health=${health} />
      </div>
    </header>
    <main id="main" tabindex="-1">${children}</main>
    <footer class="foot">
      ${call && html`<span class="api"><span>This page as a call:</span> <code>${call}</code>
        <button class="btn bare iconly" type="button" onClick=${() => copy(call, "The call was copied.")}><${Icon} name="copy" /><span class="sr">Copy the call</span></button></span>`}
      <a href="/docs" rel="external">API</a>
    </footer>
    <${Toasts} />`;
};

/** copy puts a text on the clipboard, and says so. */
export const copy = async (text, said) => {
  try {
    await navigator.clipboard.writeText(text);
    toast(said);
  } catch {
    toast("The browser does not allow copying.");
  }
};

// ---------- Toasts: what was done ----------
let shown = [], redraw = () => {};
/** toast says what was done. What must be decided is never a toast. action is [label, href], or nothing. */
export const toast = (text, action) => {
  const one = { text, action };
  shown = [...shown.slice(-2), one];
  redraw(shown);
  setTimeout(() => redraw(shown = shown.filter((other) => other !== one)), 6000);
};
const Toasts = () => {
  const [list, set] = useState(shown);
  redraw = set;
  return html`<div class="toasts" id="toasts" role="status">${list.map(({ text, action }) => html`<div class="toast" key=${text}>${text}${action && html`<a class="btn" href=${action[1]}>${action[0]}</a>`}</div>`)}</div>`;
};

// ---------- Components ----------
/** Tile shows one figure: name, value, and below it what is said of it. tone is "", "watch" or "act". */
export const Tile = ({ name, value, note, tone = "", hero, children }) =>
  html`<section class=${`tile ${tone}${hero ? " hero" : ""}`}><h2>${name}</h2><p class="v">${value}</p>${note && html`<p class="n">${note}</p>`}${children}</section>`;

/** Delta says how a figure compares with another: up or down, in per cent. */
export const Delta = ({ now, was }) => {
  if (!was) return html`<span class="delta none">${now ? "new" : "–"}</span>`;
  const ratio = now / was - 1, percentage = Math.round(Math.abs(ratio) * 100);
  if (percentage === 0) return html`<span class="delta none">±0 %</span>`;
  return html`<span class=${"delta " + (ratio > 0 ? "up" : "down")}><span class="sr">${ratio > 0 ? "up " : "down "}</span>${percentage > 999 ? "×" + number(Math.round(now / was)) : percentage + " %"}</span>`;
};

/** Badge is an icon and a word, never colour alone. tone is "good", "watch", "act", "info", "quiet" or "quiet good". */
export const Badge = ({ tone = "", icon, children }) => html`<span class=${"badge " + tone}>${icon && html`<${Icon} name=${icon} />`}${children}</span>`;

/** Segment offers a few choices [[value, label]], of which one is chosen. */
export const Segment = ({ label, options, value, onChange, fill }) =>
  html`<div class=${"seg" + (fill ? " fill" : "")} role="group" aria-label=${label}>${options.map(([v, text]) =>
    html`<button type="button" key=${v} value=${v} aria-pressed=${String(v === value)} onClick=${() => onChange(v)}>${text}</button>`)}</div>`;

/** Chip is a choice with its name before it. on says that it differs from what is usual. options is [[value, label]]. */
export const Chip = ({ id, label, options, value, onChange, on }) =>
  html`<label class=${"chip" + (on ? " on" : "")}><span>${label}</span><select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}>${options.map(([v, text]) =>
    html`<option key=${v} value=${v} selected=${v === value}>${text}</option>`)}</select></label>`;

/** Check is a switch with its name. */
export const Check = ({ id, label, value, onChange }) =>
  html`<label class="check"><input id=${id} type="checkbox" role="switch" checked=${value} onChange=${(event) => onChange(event.target.checked)} />${label}</label>`;

/** Card is a part of a page with a heading. note stands at the right, foot below. In a grid, span is how many of its 12 columns it takes: c4. */
export const Card = ({ id, title, note, foot, span = "", children, className = "" }) =>
  html`<section class=${`card ${span} ${className}`} aria-labelledby=${id && id + "-title"} id=${id}>
    ${title && html`<header><h2 id=${id && id + "-title"}>${title}</h2>${typeof note === "string" ? html`<p>${note}</p>` : note}</header>`}
    ${children}${foot && html`<footer>${foot}</footer>`}</section>`;

/** Verdict is the one sentence that matters. tone is "good", "watch" (heals by itself), "decide" (today) or "act" (now).
 *  todo lists what to do, tools what can be pressed. */
export const Verdict = ({ tone = "good", title, todo, tools, children }) =>
  html`<section class=${"verdict " + (tone === "good" ? "" : tone)} aria-label="Verdict" id="verdict">
    <span class="face"><${Icon} name=${tone === "good" ? "check" : tone === "watch" ? "clock" : "alert"} /></span>
    <div role="status"><h2>${title}</h2>${children && html`<p>${children}</p>`}${todo && html`<ol class="todo">${todo.map((item) => html`<li><span>${item}</span></li>`)}</ol>`}</div>
    ${tools && html`<div class="tools">${tools}</div>`}</section>`;

/** Group is messages that wait for a decision with the same failure: how many, the last error, what to do, and buttons. */
export const Group = ({ title, count, word, since, error, advice, children }) =>
  html`<div class="group"><div><h3>${title} <${Badge} tone="act">${number(count)} ${word}<//></h3><p>${since}</p>${error && html`<p><span class="err">${error}</span></p>`}${advice && html`<p class="do">${advice}</p>`}</div>
    <div class="tools">${children}</div></div>`;

/** Blank fills a place that has nothing to show: an icon, a title, why, and one way on. */
export const Blank = ({ icon, title, children, tools }) =>
  html`<div class="blank"><${Icon} name=${icon} /><p class="title">${title}</p><p>${children}</p>${tools && html`<div class="tools">${tools}</div>`}</div>`;

/** Loading is shown while an answer is awaited. Nothing is seen of it in the first 300 ms. */
export const Loading = ({ lines = [38, 72, 100, 92, 64] }) =>
  html`<div class="body stack loading" aria-busy="true"><span class="sr">Loading</span>${lines.map((width) => html`<span class="skel" style=${{ width: width + "%" }}></span>`)}</div>`;

/** Failed says that something could not be read: what, why, and that it can be tried again. It tells a missing right from other failures. */
export const Failed = ({ problem, what, again }) => {
  if (problem.status === 403) {
    return html`<${Blank} icon="lock" title=${`Your key may not see ${what}`} tools=${html`<button class="btn" type="button" onClick=${async () => { forgetKey(); await askForKey("Enter a key with that scope."); again(); }}>Use another key</button>`}>${problem.message}<//>`;
  }
  const tools = again && html`<button class="btn" type="button" onClick=${again}>Try again</button>`;
  return html`<${Blank} icon=${problem.status ? "alert" : "plug"} title=${`Cannot show ${what}`} tools=${tools}>${problem.message}${problem.trace && html`<br /><code>trace ${problem.trace}</code>`}<//>`;
};

/** useAsk asks for a path and returns { data, problem, again, at }. It asks again after every seconds, while the page is seen. With no path it asks nothing.
 *  data stays when a later try fails, so that figures stay on the page with their time. */
export const useAsk = (path, every) => {
  const [state, set] = useState({ path: null });
  const [turn, setTurn] = useState(0);
  const waits = useRef(false);
  useEffect(() => {
    if (!path) return;
    const stopped = new AbortController();
    const once = async () => {
      if (waits.current) return;
      waits.current = true;
      try {
        const data = await ask(path, { signal: stopped.signal });
        if (!stopped.signal.aborted) set({ path, data, at: Date.now() });
      } catch (problem) {
        if (!stopped.signal.aborted) set((before) => ({ path, data: before.path === path ? before.data : undefined, at: before.at, problem }));
      } finally {
        if (!stopped.signal.aborted) waits.current = false;
      }
    };
    waits.current = false;
    once();
    const timer = every && setInterval(() => { if (!document.hidden) once(); }, every * 1000);
    return () => {
      stopped.abort();
      clearInterval(timer);
    };
  }, [path, turn, every]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  return state.path === path ? { ...state, again } : { again };
};

// ---------- Confirmation ----------
let question = null, show = () => {};
/**
 * confirm asks before something is done. It resolves with { reason }, or with null if the reader keeps things as they are.
 *   title, text   the verb and the count; what it is about
 *   consequences  a list of texts
 *   reason        "optional", "required", or nothing: then none is asked for
 *   count         a number that must be typed before the button can be pressed, or nothing
 *   keep, yes     the labels of the buttons; danger makes the second one red
 */
export const confirm = (options) => new Promise((resolve) => {
  question = { ...options, resolve };
  show(question);
});
// Confirmation is where confirm asks.
const Confirmation = () => {
  const [asked, set] = useState(question);
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const dialog = useRef(null);
  show = (q) => { setTyped(""); setReason(""); set(q); };
  useLayoutEffect(() => { if (asked && !dialog.current.open) dialog.current.showModal(); }, [asked]);
  if (!asked) return null;
  const close = (answer) => {
    dialog.current.close();
    set(question = null);
    asked.resolve(answer);
  };
  const ready = (asked.count === undefined || typed.trim() === String(asked.count)) && (asked.reason !== "required" || reason.trim() !== "");
  const submit = (event) => {
    event.preventDefault();
    if (ready) close({ reason: reason.trim() });
  };
  return html`<dialog id="confirm" ref=${dialog} aria-labelledby="question" onCancel=${(event) => { event.preventDefault(); close(null); }}>
    <form onSubmit=${submit}>
      <div><h2 id="question">${asked.title}</h2>${asked.text && html`<p>${asked.text}</p>`}</div>
      ${asked.consequences && html`<ul>${asked.consequences.map((text) => html`<li>${text}</li>`)}</ul>`}
      ${asked.reason && html`<label>Reason${asked.reason === "optional" ? ", if you like" : ""}<input id="reason" maxlength="500" autocomplete="off" required=${asked.reason === "required"} placeholder=${asked.example ?? ""} value=${reason} onInput=${(e) => setReason(e.target.value)} /></label>`}
      ${asked.count !== undefined && html`<label>Type ${asked.count} to confirm<input id="count" inputmode="numeric" autocomplete="off" value=${typed} onInput=${(e) => setTyped(e.target.value)} /></label>`}
      <div class="tools"><button class="btn" type="button" value="cancel" onClick=${() => close(null)}>${asked.keep ?? "Cancel"}</button>
        <button class=${"btn main" + (asked.danger ? " danger" : "")} id="yes" disabled=${!ready}>${asked.yes}</button></div>
    </form></dialog>`;
};

/**
 * DateField is a field for a day, such as 2010-12-02. A date field changes with each digit of a year that is typed, so
 * onPick gets whole years only, and a page that is drawn anew leaves alone what is being typed.
 */
export const DateField = ({ value, onPick, ...rest }) => {
  const [typed, set] = useState(null);
  return html`<input type="date" required ...${rest} value=${typed ?? value} onInput=${(e) => set(e.target.value)} onBlur=${() => set(null)} onChange=${(e) => { if (e.target.value >= "1970") onPick(e.target.value); }} />`;
};

/**
 * mount draws a page into the document. The confirmation stands beside it: a dialog that is moved while the page is
 * drawn anew is modal no more.
 */
export const mount = (App) => {
  render(html`<${App} />`, document.body);
  const place = document.createElement("div");
  document.body.append(place);
  render(html`<${Confirmation} />`, place);
};

/** Panel is a dialog that shows something until it is closed. */
export const Panel = ({ id, title, onClose, children }) => {
  const dialog = useRef(null);
  useLayoutEffect(() => { dialog.current.showModal(); }, []);
  return html`<dialog id=${id} class="wide" ref=${dialog} aria-labelledby=${id + "-title"} onClose=${onClose}>
    <form method="dialog"><h2 id=${id + "-title"}>${title}</h2>${children}<div class="tools"><button class="btn">Close</button></div></form></dialog>`;
};

/** useNow returns the time, and draws the component again every so many seconds. */
export const useNow = (every = 1) => {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) set(Date.now()); }, every * 1000);
    return () => clearInterval(timer);
  }, [every]);
  return now;
};

// csvOf writes rows as CSV (RFC 4180). A text that a spreadsheet would run as a formula gets a leading apostrophe.
const csvOf = (rows) => rows.map((cells) => cells.map((cell) => {
  const text = typeof cell === "string" ? cell.replace(/(^|[;\t\r\n])([=+\-@\t\r])/g, "$1'$2") : String(cell ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}).join(",") + "\r\n").join("");

/** save gives the reader rows as a CSV file. */
export const save = (name, rows) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csvOf(rows)], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  toast(`${name} was saved.`);
};

/** Keep shows an element that is already on the page, as it is. */
export const Keep = ({ element }) => {
  const place = useRef(null);
  useLayoutEffect(() => { place.current.append(element); }, []);
  return html`<div ref=${place} class="stack"></div>`;
};

// The page of the activity service. It knows the API as any client does: /v1/activities, days, live. All state is in the URL.
import { html, mount, useState, useEffect, useRoute, useAsk, useNow, events, change, to, go, number, when, clock, Shell, Card, Loading } from "/assets/console.js";
import { Day } from "/assets/day.js";

const { activity: first, zone: ownZone, orders } = document.body.dataset;

// useLive follows today of an activity: its figures, and its minutes by their start.
const useLive = (base, zone) => {
  const [state, set] = useState({});
  useEffect(() => {
    set({});
    let minutes = new Map();
    return events(`${base}/live${zone === ownZone ? "" : "?tz=" + encodeURIComponent(zone)}`, ["snapshot", "update"], (event) => {
      const { minutes: changed, ...figures } = JSON.parse(event.data);
      minutes = new Map(event.type === "snapshot" ? [] : minutes);
      for (const minute of changed) minutes.set(minute.minute, minute);
      set({ live: { figures, minutes }, lost: false });
    }, () => set((before) => ({ ...before, lost: true })));
  }, [base, zone]);
  return state;
};

const pages = { range: ["/assets/range.js", "Range"], counting: ["/assets/counting.js", "Counting"], message: ["/assets/message.js", "Message"] };
const loaded = {};
const usePage = (name) => {
  const [, set] = useState(0);
  useEffect(() => {
    if (!name || loaded[name]) return;
    import(pages[name][0]).then((module) => {
      loaded[name] = module[pages[name][1]];
      set((n) => n + 1);
    });
  }, [name]);
  return loaded[name];
};

const healthOf = (figures, lost, zone, sizes, kafka, now) => {
  const waiting = sizes.reduce((sum, a) => sum + a.parked + a.late + a.conflicts, 0);
  const asOf = figures?.as_of, lag = figures?.lag;
  const facts = [
    asOf?.at && ["Counted up to", html`<time datetime=${asOf.at}>${when(asOf.at, zone, now)}</time>`],
    lag !== undefined && ["Waiting", number(lag), true], ["Final", "at midnight", true],
    ["Zone", zone, true],
  ].filter(Boolean);
  if (lost) return { tone: "act", word: "Connection lost, trying again", facts };
  if (!figures) return { tone: "", word: "Asking…", facts: [["Zone", zone, true]] };
  if (kafka?.state === "down") return { tone: "act", word: `Kafka cannot be reached since ${when(kafka.since, zone, now)}`, facts };
  if (lag === undefined) return { tone: "act", word: "Kafka has not answered", facts };
  if (lag > 0) return { tone: "watch", word: "Live, catching up", live: true, facts };
  return waiting ? { tone: "act", word: `Live, ${number(waiting)} to decide`, facts } : { tone: "good", word: "Live", live: true, facts };
};

const App = () => {
  const { query } = useRoute();
  const activity = query.activity ?? first, zone = query.tz || ownZone;
  const base = "/v1/activities/" + encodeURIComponent(activity);
  const { live, lost } = useLive(base, zone);
  const asked = useAsk("/v1/activities", 10), list = asked.data?.activities ?? [];
  const now = useNow(10), own = list.find((a) => a.name === activity);
  const known = live ? live.figures.lag !== undefined : null; // it changes when Kafka goes away and when it comes back
  useEffect(() => { if (known !== null) asked.again(); }, [known]);
  const page = query.message !== undefined ? "message" : query.view in pages ? query.view : "";
  const Page = usePage(page);
  const activities = list.length ? list.map((a) => a.name) : [activity];
  const waiting = list.reduce((sum, a) => sum + a.parked + a.late + a.conflicts, 0);
  useEffect(() => {
    const title = { range: "Range", counting: "Counting", message: "Message" }[page] ?? (query.day ? query.day : live ? `${number(live.figures.count)} today` : "Today");
    document.title = `${title} · Ordertally`;
  });
  const keep = { activity: query.activity, tz: query.tz, cur: query.cur };
  const tabs = [
    { id: "today", label: "Today", icon: "bars", href: to(keep, "/") },
    { id: "range", label: "Range", icon: "calendar", href: to({ ...keep, view: "range" }, "/") },
    { id: "counting", label: "Counting", icon: "tally", href: to({ ...keep, view: "counting" }, "/"), count: waiting, act: true },
  ];
  // An id may be that of a message; everything else is an order's, which the other console finds.
  const onFind = (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}$/i.test(text) || !orders
    ? go(to({ ...keep, message: text }, "/"))
    : location.assign(`${orders}/?${new URLSearchParams({ q: text })}`);
  const find = { label: "Find an order or a message", placeholder: orders ? "Find an order: id, reference, customer" : "Find a message by its id", value: query.message ?? "", onFind };
  const props = { activity, activities, list, base, query, zone, ownZone, orders, live, refresh: asked.again };
  return html`<${Shell} service="statistics" other=${orders} tabs=${tabs} current=${page === "" ? (query.day ? "" : "today") : page} health=${healthOf(live?.figures, lost, zone, list, own?.kafka, now)} find=${find} call=${callOf(page, base, query, zone)}>
    ${page === "" ? html`<${Day} ...${props} key=${activity + zone} />` : Page ? html`<${Page} ...${props} />` : html`<${Card}><${Loading} /><//>`}<//>`;
};

const callOf = (page, base, query, zone) => {
  if (page === "counting") return "GET /v1/activities";
  if (page === "message") return `GET ${base}/messages/${query.message}`;
  if (page === "range") return `GET ${base}/days?${new URLSearchParams({ ...(query.from && { from: query.from, to: query.to }), ...(query.by && { by: query.by }), tz: zone })}`.replaceAll("%2F", "/");
  return `GET ${base}/days/${query.day ?? "today"}?tz=${zone}`;
};

document.querySelector("main")?.remove();
mount(App);

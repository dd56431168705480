// The console of the order service: orders, one order, the outbox, keys. It knows the API as any client does.
import { html, mount, useEffect, useState, Shell, useRoute, useAsk, useNow, go, to, number, plural, when, duration } from "/assets/console.js";
import { activity } from "/assets/words.js";
import { Orders, callOf } from "/assets/orders.js";
import { OneOrder } from "/assets/order.js";
import { Outbox } from "/assets/outbox.js";
import { Keys } from "/assets/keys.js";

// healthOf is the line that stands on each page: whether orders are taken and go out, and what waits.
const healthOf = ({ data, problem, at }, now) => {
  if (!data) return problem?.status === 403 ? { word: "No right to see the outbox" } : problem ? { tone: "act", word: "The order service does not answer" } : { word: "Loading" };
  if (problem) return { tone: "act", word: "The order service does not answer", facts: [["Figures of", when(at)]] };
  const { relay, backlog, parked, held_back } = data;
  const facts = [["Backlog", number(backlog), parked === 0], ["Parked", number(parked)]];
  const since = when(relay.since);
  if (relay.state === "down") return { tone: "act", word: `Kafka down for ${duration(Math.max(0, (now - Date.parse(relay.since)) / 1000))}`, facts: [["", "Still taking orders", true], ...facts] };
  if (relay.state === "fenced") return { tone: "act", word: "Another service took over", facts };
  if (relay.state === "connecting" || held_back) return { tone: "watch", word: held_back ? "Waiting for a transaction" : "Connecting to Kafka", facts };
  if (parked) return { tone: "act", word: `${plural(parked, "message")} parked`, facts: [["", "Taking orders", true], ["Kafka up since", since, true], ["Backlog", number(backlog)]] };
  return { tone: "good", live: true, word: "Taking orders", facts: [["Kafka up since", since, true], ...facts] };
};

const App = () => {
  const { path, query } = useRoute();
  const [refused, refuse] = useState(false);
  const report = useAsk(refused ? null : "/v1/outbox", path === "/outbox" ? 2 : 5);
  useEffect(() => { if (report.problem?.status === 403) refuse(true); }, [report.problem]);
  const now = useNow(1), parked = report.data?.parked ?? 0;
  const health = refused ? { word: "No right to see the outbox" } : healthOf(report, now);
  const [view, current, call] =
    path === "/outbox" ? [html`<${Outbox} report=${report} now=${now} refused=${refused} allow=${() => refuse(false)} />`, "outbox", "GET /v1/outbox"] :
    path === "/keys" ? [html`<${Keys} />`, "keys", "GET /v1/keys"] :
    query.id ? [html`<${OneOrder} id=${query.id} key=${query.id} now=${now} />`, "orders", `GET /v1/orders/${query.id}/delivery`] :
    [html`<${Orders} />`, "orders", `GET ${to(callOf(query), "/v1/orders")}`];
  const tabs = [
    { id: "orders", label: "Orders", icon: "list", href: "/" },
    { id: "outbox", label: "Outbox", icon: "outbox", href: "/outbox", count: parked, act: true },
    { id: "keys", label: "Keys", icon: "key", href: "/keys" },
  ];
  const find = current === "orders" && !query.id ? null :
    { label: "Find an order", placeholder: "Find an order: id, reference, customer", value: query.q ?? "", onFind: (q) => go(to({ q }, "/")) };
  return html`<${Shell} service="orders" other=${activity && activity + "/"} tabs=${tabs} current=${current} health=${health} find=${find} call=${call}>${view}<//>`;
};

mount(App);

// Orders: one box that finds an order by id, reference or customer, and a list with filters.
import { html, useEffect, useRef, useState, useRoute, go, to, change, ask, Chip, Card, Blank, Loading, Failed, Icon, number, plural, money, clock, when, dateOf, save } from "/assets/console.js";
import { zone, orderAt, shortID, Publication, Status } from "/assets/words.js";

const size = 30; // orders a request
const filters = ["reference", "source", "customer_id", "status", "publication", "currency", "placed_from", "placed_to"];
const spans = { hour: 3600e3, week: 7 * 86400e3 };

// midnight is when the reader's day began.
const midnight = () => new Date(new Date().setHours(0, 0, 0, 0));
/** callOf returns the parameters of the list that a state of the page shows. */
export const callOf = (query) => {
  const call = Object.fromEntries(filters.filter((name) => query[name]).map((name) => [name, query[name]]));
  if (query.placed === "today") call.placed_from = midnight().toISOString();
  if (spans[query.placed]) call.placed_from = new Date(Math.floor(Date.now() / 60e3) * 60e3 - spans[query.placed]).toISOString();
  return call;
};

// read follows the list from page to page until it has enough orders. A filter without an index may find nothing for many pages:
// then it stops, and says so.
const read = async (call, pages, signal) => {
  const orders = [];
  let cursor = "", asked = 0, corrupt = 0;
  while (asked < pages || (orders.length === 0 && asked < pages + 4)) {
    const page = await ask(to({ ...call, limit: size, cursor }, "/v1/orders"), { signal });
    orders.push(...page.orders);
    corrupt += page.corrupt?.length ?? 0;
    cursor = page.next_cursor ?? "";
    asked++;
    if (!cursor) break;
  }
  return { orders, corrupt, more: cursor !== "", asked };
};

// useList is the list of a state of the page. The first page is read again every few seconds, so that new orders appear.
const useList = (call, pages) => {
  const key = JSON.stringify([call, pages]);
  const [list, set] = useState({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stopped = new AbortController();
    let busy = false;
    const once = async () => {
      if (busy) return;
      busy = true;
      try {
        const found = await read(call, pages, stopped.signal);
        if (!stopped.signal.aborted) set({ key, ...found, at: Date.now() });
      } catch (problem) {
        if (!stopped.signal.aborted) set((before) => ({ ...(before.key === key && before), key, problem }));
      }
      busy = false;
    };
    once();
    const timer = pages === 1 && setInterval(() => { if (!document.hidden) once(); }, 5000);
    return () => {
      stopped.abort();
      clearInterval(timer);
    };
  }, [key, turn]);
  return { ...(list.key === key && list), again: () => setTurn((n) => n + 1) };
};

/** totalOf writes the sum of orders, one part a currency: £31,209.38 and €25.00. Cancelled orders are none of it. */
const totalOf = (orders) => {
  const sums = new Map();
  for (const o of orders) if (o.status !== "cancelled") sums.set(o.currency, (sums.get(o.currency) ?? 0) + o.total);
  const parts = [...sums].sort((a, b) => b[1] - a[1]).map(([currency, sum]) => money(currency, sum));
  return parts.length > 1 ? parts.slice(0, -1).join(", ") + " and " + parts.at(-1) : parts[0] ?? "";
};

const nameOf = (o) => o.reference ?? shortID(o.id);

/** OrderTable lists orders. On a phone each is a card. */
export const OrderTable = ({ orders, caption }) => {
  const today = dateOf(Date.now());
  const country = orders.some((o) => o.metadata?.country);
  return html`<div class="scroll"><table class="rows" role="table"><caption class="sr">${caption}</caption>
    <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Order</th><th role="columnheader" scope="col" class="m-only">Total</th><th role="columnheader" scope="col">Placed</th><th role="columnheader" scope="col">Customer</th>${country && html`<th role="columnheader" scope="col">Country</th>`}<th role="columnheader" scope="col" class="num">Lines</th><th role="columnheader" scope="col">Status</th><th role="columnheader" scope="col">Publication</th><th role="columnheader" scope="col" class="num">Total</th></tr></thead>
    <tbody role="rowgroup">${orders.map((o) => html`<tr role="row" key=${o.id}>
      <td role="cell"><a class="lead" href=${orderAt(o.id)}>${nameOf(o)}</a>${o.reference && html` <span class="muted mono only-wide idsh">${shortID(o.id)}</span>`}</td>
      <td role="cell" class="num strong m-only"><span class=${o.status === "cancelled" ? "gone" : ""}>${money(o.currency, o.total)}</span></td>
      <td role="cell" class="nowrap m-left muted"><time datetime=${o.placed_at}>${dateOf(o.placed_at) === today ? clock(o.placed_at) : when(o.placed_at)}</time>${o.customer_id && html`<span class="m-only">, customer ${o.customer_id}</span>`}</td>
      <td role="cell" class="m-hide">${o.customer_id ? html`<a class="plain" href=${to({ customer_id: o.customer_id }, "/")}>${o.customer_id}</a>` : html`<span class="muted">–</span>`}</td>
      ${country && html`<td role="cell" class="m-hide muted">${o.metadata?.country ?? "–"}</td>`}
      <td role="cell" class="num muted m-hide">${number(o.lines.length)}</td>
      <td role="cell" class="m-hide"><${Status} status=${o.status} /></td>
      <td role="cell" class="m-right"><span class="with">${o.status === "cancelled" && html`<span class="m-only"><${Status} status=${o.status} /></span>`}<${Publication} state=${o.publication.state} /></span></td>
      <td role="cell" class=${"num strong m-hide" + (o.status === "cancelled" ? " gone" : "")}>${money(o.currency, o.total)}</td></tr>`)}</tbody></table></div>`;
};

// Find is the box that finds an order.
const Find = ({ value }) => {
  const field = useRef(null);
  useEffect(() => { field.current.value = value; }, [value]);
  const submit = (event) => {
    event.preventDefault();
    go(to({ q: field.current.value.trim() }, "/"));
  };
  return html`<form class="find" role="search" onSubmit=${submit}><label class="sr" for="q">Find an order</label><${Icon} name="search" />
    <input id="q" ref=${field} type="search" placeholder="Id, reference or customer" autocomplete="off" spellcheck="false" defaultValue=${value} /><kbd class="only-wide" aria-hidden="true">/</kbd></form>`;
};

const any = ["", "Any"];
const currencies = new Set(["GBP", "EUR", "USD"]); // and those that were seen
const local = (t) => t ? `${dateOf(t)}T${clock(t, undefined, true)}` : "";

// Filters are those of the list. All of them are in the URL.
const Filters = ({ query }) => {
  const set = (name) => (value) => go(to({ ...query, [name]: value, pages: "", q: "" }, "/"));
  const picked = query.placed_from || query.placed_to || query.placed === "pick";
  const setPlaced = (value) => go(to({ ...query, placed: value, placed_from: "", placed_to: "", pages: "", q: "" }, "/"));
  const setTime = (name) => (event) => go(to({ ...query, placed: "pick", [name]: event.target.value && new Date(event.target.value).toISOString(), pages: "", q: "" }, "/"));
  const on = filters.some((name) => query[name]) || query.placed;
  return html`<div class="filters" role="group" aria-label="Filters">
    <${Chip} id="placed" label="Placed" value=${picked ? "pick" : query.placed ?? ""} on=${picked || query.placed} onChange=${setPlaced} options=${[any, ["hour", "Last hour"], ["today", "Today"], ["week", "Last 7 days"], ["pick", "Between…"]]} />
    ${picked && html`<label class="chip on"><span>From</span><input type="datetime-local" id="placed-from" value=${local(query.placed_from)} onChange=${setTime("placed_from")} /></label>
      <label class="chip on"><span>to</span><input type="datetime-local" id="placed-to" value=${local(query.placed_to)} onChange=${setTime("placed_to")} /></label>`}
    <${Chip} id="status" label="Status" value=${query.status ?? ""} on=${query.status} onChange=${set("status")} options=${[any, ["placed", "Placed"], ["cancelled", "Cancelled"]]} />
    <${Chip} id="publication" label="Publication" value=${query.publication ?? ""} on=${query.publication} onChange=${set("publication")} options=${[any, ["pending", "Pending"], ["waiting", "Waiting"], ["published", "Published"], ["parked", "Parked"], ["discarded", "Discarded"]]} />
    <${Chip} id="currency" label="Currency" value=${query.currency ?? ""} on=${query.currency} onChange=${set("currency")} options=${[any, ...[...new Set([...currencies, query.currency].filter(Boolean))].sort().map((c) => [c, c])]} />
    ${["customer_id", "reference", "source"].filter((name) => query[name]).map((name) => html`<a class="btn on" key=${name} href=${to({ ...query, [name]: "", ...(name === "reference" && { source: "" }), pages: "" }, "/")}>${{ customer_id: "Customer", reference: "Reference", source: "Source" }[name]} ${query[name]}<${Icon} name="cross" /><span class="sr">, any instead</span></a>`)}
    ${on && html`<a class="btn bare" href="/"><${Icon} name="cross" />Clear</a>`}</div>`;
};

const rowsOf = (orders) => [["id", "reference", "source", "customer_id", "placed_at", "currency", "total_minor_units", "lines", "status", "publication"],
  ...orders.map((o) => [o.id, o.reference, o.source, o.customer_id, o.placed_at, o.currency, o.total, o.lines.length, o.status, o.publication.state])];

const List = ({ query }) => {
  const call = callOf(query), pages = Math.max(1, Number(query.pages) || 1);
  const list = useList(call, pages);
  const { orders, problem } = list;
  useEffect(() => { if (orders && !performance.getEntriesByName("ordertally-figures").length) performance.mark("ordertally-figures"); });
  for (const o of orders ?? []) currencies.add(o.currency);
  const filtered = filters.some((name) => query[name]) || query.placed;
  let inside;
  if (!orders) {
    inside = problem ? html`<${Failed} problem=${problem} what="the orders" again=${list.again} />` : html`<${Loading} />`;
  } else if (orders.length === 0 && list.more) {
    inside = html`<${Blank} icon="search" title=${`None among the newest ${number(list.asked * 10000)} orders`} tools=${html`<a class="btn keep-scroll" href=${change({ pages: list.asked + 5 })}>Look further back</a>`}>This filter has no index, so the page looks at some of the orders at a time.<//>`;
  } else if (orders.length === 0) {
    inside = filtered ? html`<${Blank} icon="search" title="No order matches" tools=${html`<a class="btn" href="/">Show all orders</a>`}>No order has all that the filters ask for.<//>`
      : html`<${Blank} icon="inbox" title="No orders yet" tools=${html`<a class="btn" href="/docs" rel="external">How to place one</a>`}>The first one appears here by itself.<//>`;
  } else {
    inside = html`<${OrderTable} orders=${orders} caption="Orders, the newest first" />
      ${(list.more || pages > 1) && html`<div class="more keep-scroll"><span>${plural(orders.length, "order")}${list.more ? ", and more" : ", all there are"}</span>${list.more && html`<a class="btn" id="more" href=${change({ pages: list.asked + 1 })}>Show more</a>`}</div>`}`;
  }
  return html`<section class="card" aria-labelledby="list-title">
    ${orders?.length > 0 ? html`<header><h2 id="list-title"><span>${list.more ? `The newest ${number(orders.length)}` : plural(orders.length, "order")}</span> <span class="muted small">${totalOf(orders)}</span></h2>
      ${problem ? html`<p class="bad" role="status">${problem.message} Orders of ${when(list.at)} are shown.</p>` : pages === 1 && !query.placed_to && html`<p><span class="dot good" aria-hidden="true"></span> New orders appear here</p>`}
      <button class="btn only-wide" type="button" onClick=${() => save(`orders-${dateOf(Date.now())}.csv`, rowsOf(orders))}><${Icon} name="download" />CSV</button></header>` : html`<h2 class="sr" id="list-title">The list</h2>`}
    ${list.corrupt > 0 && html`<p class="body bad">${plural(list.corrupt, "order")} could not be read: the records are damaged. See <code>order check</code>.</p>`}
    ${inside}</section>`;
};

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// search looks for a text as an id, a reference and a customer, at once. The text must be the whole of it.
const search = async (text, signal) => {
  const list = (name) => ask(to({ [name]: text, limit: size }, "/v1/orders"), { signal });
  const nothing = { orders: [] }, short = [...text].length <= 128;
  const one = uuid.test(text) ? ask(`/v1/orders/${text.toLowerCase()}`, { signal }).catch((problem) => {
    if (problem.status === 404) return null;
    throw problem;
  }) : null;
  const [order, byReference, byCustomer] = await Promise.all([one, short ? list("reference") : nothing, short ? list("customer_id") : nothing]);
  return { order, byReference, byCustomer };
};

// Found shows what a text finds. An order alone is shown at once.
const Found = ({ text }) => {
  const [found, set] = useState({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stopped = new AbortController();
    set({});
    search(text, stopped.signal).then((result) => {
      const { order, byReference, byCustomer } = result;
      const only = order ?? (byReference.orders.length === 1 && !byCustomer.orders.length ? byReference.orders[0] : null);
      if (only) return go(to({ id: only.id, q: text }, "/"), { replace: true });
      if (!byReference.orders.length && byCustomer.orders.length) return go(to({ customer_id: text }, "/"), { replace: true });
      if (byReference.orders.length && !byCustomer.orders.length) return go(to({ reference: text }, "/"), { replace: true });
      set(result);
    }, (problem) => { if (problem.name !== "AbortError") set({ problem }); });
    return () => stopped.abort();
  }, [text, turn]);
  if (found.problem) return html`<section class="card"><h2 class="sr">What was found</h2><${Failed} problem=${found.problem} what="what was found" again=${() => setTurn(turn + 1)} /></section>`;
  if (!found.byReference) return html`<section class="card"><${Loading} /></section>`;
  if (!found.byReference.orders.length) {
    return html`<section class="card" id="nothing"><h2 class="sr">What was found</h2><${Blank} icon="search" title=${`No order matches “${text}”`} tools=${html`<a class="btn" href="/">Show all orders</a>`}>An id, a reference and a customer are matched whole, and as they are written.<//></section>`;
  }
  return [["reference", "Reference", found.byReference], ["customer_id", "Customer", found.byCustomer]].map(([name, label, { orders, next_cursor }]) => html`
    <${Card} key=${name} id=${"by-" + name} title=${`${label} ${text}`} note=${plural(orders.length, "order") + (next_cursor ? ", and more" : "")} foot=${next_cursor && html`<a href=${to({ [name]: text }, "/")}>All of them</a>`}><${OrderTable} orders=${orders} caption=${`Orders of ${label.toLowerCase()} ${text}`} /><//>`);
};

/** Orders is the first page. */
export const Orders = () => {
  const { query } = useRoute();
  useEffect(() => { document.title = "Orders · Ordertally"; }, []);
  return html`<div class="head"><div><h1>Orders</h1><p>Newest first. Times in ${zone}.</p></div></div>
    <div class="filters-wrap stack"><${Find} value=${query.q ?? ""} /><${Filters} query=${query} /></div>
    ${query.q ? html`<${Found} text=${query.q} />` : html`<${List} query=${query} />`}`;
};

// One order: its timeline from the placement to the count, lines, facts and raw JSON.
import { html, useEffect, useState, to, ask, Card, Loading, Failed, Blank, Badge, Icon, confirm, toast, copy, number, plural, money, when, duration, useAsk } from "/assets/console.js";
import { activity, messageIn, failureOf, preciseClock, dayOf, Publication } from "/assets/words.js";

const since = (from, until) => from && until ? (Date.parse(until) - Date.parse(from)) / 1000 : null;
const year = 365.25 * 86400;
// spanOf writes the time between two steps. Kafka hands a message out before the order service has noted that it is published, so that
// step may seem the later one by a moment. Clocks that disagree by more tell nothing.
const spanOf = (seconds) => seconds === null || seconds < -1 ? "" : "+" + (seconds > 2 * year ? plural(Math.round(seconds / year), "year") : duration(Math.max(0, seconds)));
// A placement that was told later than this is one of the past: what was counted is compared with when it was stored.
const past = 60;

const ordinal = (n) => n === 1 ? "first attempt" : `${number(n)} attempts`;

// published is the step of a message on its way to Kafka.
const published = (m, now) => {
  switch (m.state) {
    case "published":
      return { title: "Published", at: m.published_at, node: "check",
        text: html`<code>${m.topic}</code>${m.partition !== undefined ? `, partition ${m.partition}, offset ${number(m.offset)}` : ", place not recorded"}${m.attempts ? ", " + ordinal(m.attempts) : ""}` };
    case "waiting":
      return { title: "Waiting", node: "clock", tone: "watch", unknown: m.next_attempt_at ? `next attempt in ${duration(Math.max(0, (Date.parse(m.next_attempt_at) - now) / 1000))}` : "behind another message",
        text: m.class ? html`${failureOf(m.class)} after ${plural(m.attempts, "attempt")}: <code>${m.reason}</code>` : "It waits for an earlier message of this order." };
    case "parked":
      return { title: "Parked", node: "alert", tone: "act", unknown: "somebody must decide",
        text: html`${failureOf(m.class)} after ${plural(m.attempts, "attempt")}: <code>${m.reason}</code>. <a href=${to({ class: m.class }, "/outbox")}>See the parked messages</a>` };
    case "discarded":
      return { title: "Discarded", node: "cross", tone: "info", unknown: "for ever", text: html`An operator gave it up. <a href="/outbox">The audit says why</a>` };
  }
  return { title: "Published", tone: "wait", unknown: "not yet", text: html`It goes out by itself. <a href="/outbox">See the outbox</a>` };
};

// counted is the step of a message in the statistics. c is what is known of it, or nothing before it was asked.
const counted = (order, m, c) => {
  const link = activity && html`<a href=${messageIn(m.message_id, order)} rel="external">See it in the statistics</a>`;
  if (!c) return { title: "Counted", tone: "wait", unknown: activity ? "asking" : "unknown", text: activity ? "" : html`The setting <code>activity-url</code> is empty.` };
  switch (c.state) {
    case "counted":
      return { title: "Counted", at: c.counted_at, node: "check", unknown: "time no longer known", text: link };
    case "parked": case "late": case "conflict":
      return { title: { parked: "Parked there", late: "Late", conflict: "Conflict" }[c.state], node: "alert", tone: "act", unknown: "somebody must decide", text: html`${c.detail} ${link}` };
    case "unknown":
      return { title: "Counted", tone: "wait", unknown: "not yet", text: m.state === "published" ? link : m.state === "discarded" ? "It will never be." : "After it is published." };
  }
  return { title: "Counted", tone: "wait", unknown: "unknown", text: html`${c.detail} ${link}` };
};

// stepsOf returns the steps of one message of an order, which is given by its id.
const stepsOf = (order, first, m, c, now) => [
  first,
  { title: "Stored", at: m.committed_at, node: "check", unknown: "time no longer kept", text: `With its message in one write, sequence ${number(m.sequence)}` },
  published(m, now),
  counted(order, m, c),
];

/** Timeline shows the steps with the time between them: across the page, or down it on a phone. */
const Timeline = ({ steps, label }) => {
  let before = null;
  return html`<ol class="line across" aria-label=${label}>${steps.map((step) => {
    const span = step.at && before ? spanOf(since(before, step.at)) : "";
    if (step.at) before = step.at;
    const day = step.at && dayOf(step.at);
    return html`<li key=${step.title} class=${step.at || step.node === "check" ? "" : "open"}><span class=${"node " + (step.tone ?? "")}>${step.node && html`<${Icon} name=${step.node} />`}</span><h3>${step.title}</h3>
      <span class="at">${step.at ? html`<time datetime=${step.at}>${day && day + ", "}${preciseClock(step.at)}</time>` : html`<span class=${step.tone === "act" ? "bad" : "muted"}>${step.unknown}</span>`}${span && html` <b>${span}</b>`}</span>
      <div class="d">${step.text}</div></li>`;
  })}</ol>`;
};

// tookOf says how long it took until an order was counted.
const tookOf = (order, m, c) => {
  if (!c?.counted_at) return null;
  const delay = since(order.placed_at, m.committed_at), whole = since(order.placed_at, c.counted_at), stored = since(m.committed_at, c.counted_at);
  if (delay !== null && delay < past && whole >= 0) return html`<p>counted <b>${duration(whole)}</b> after it was placed</p>`;
  return stored >= 0 && stored !== null ? html`<p>counted <b>${duration(stored)}</b> after it was stored</p>` : null;
};

const Lines = ({ order }) => {
  const units = order.lines.reduce((sum, line) => sum + line.quantity, 0), price = (minor) => money(order.currency, minor);
  return html`<${Card} id="lines" span="c8" title=${plural(order.lines.length, "line")} note=${plural(units, "unit")}>
    <div class="scroll"><table class="rows" role="table"><caption class="sr">Lines of the order</caption>
    <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Product</th><th role="columnheader" class="m-only" scope="col">Amount</th><th role="columnheader" scope="col" class="num">Units</th><th role="columnheader" scope="col" class="num">Unit price</th><th role="columnheader" scope="col" class="num">Amount</th></tr></thead>
    <tbody role="rowgroup">${order.lines.map((line, i) => html`<tr role="row" key=${i}>
      <td role="cell"><span class="lead">${line.description || line.sku}</span>${line.description && html` <span class="muted mono small m-hide">${line.sku}</span>`}</td>
      <td role="cell" class="num m-only strong">${price(line.quantity * line.unit_price)}</td>
      <td role="cell" class="num muted m-full m-left"><span class="m-only"><span class="mono">${line.sku}</span>, ${number(line.quantity)} × ${price(line.unit_price)}</span><span class="m-hide">${number(line.quantity)}</span></td>
      <td role="cell" class="num muted m-hide">${price(line.unit_price)}</td>
      <td role="cell" class="num m-hide strong">${price(line.quantity * line.unit_price)}</td></tr>`)}</tbody></table></div>
    <div class="more total"><span>Total, ${order.currency}</span><span class=${order.status === "cancelled" ? "gone" : ""}>${price(order.total)}</span></div><//>`;
};

const title = (name) => (name[0].toUpperCase() + name.slice(1)).replaceAll("_", " ");
const Facts = ({ order, delivery }) => {
  const facts = [
    ["Reference", order.reference && html`<a href=${to({ reference: order.reference }, "/")}>${order.reference}</a>`], ["Source", order.source],
    ["Customer", order.customer_id && html`<a href=${to({ customer_id: order.customer_id }, "/")}>${order.customer_id}</a>`],
    ["Placed by", order.placed_by && html`<code>${order.placed_by}</code>`],
    ["Cancelled", order.cancelled_at && when(order.cancelled_at)], ["Cancelled by", order.cancelled_by && html`<code>${order.cancelled_by}</code>`], ["Reason", order.reason],
    ...Object.entries(order.metadata ?? {}).map(([name, value]) => [title(name), value]),
    ["Id", html`<span class="mono">${order.id}</span>`],
    ...(delivery?.messages ?? []).map((m, i) => [i ? "Its cancellation" : "Message", html`<span class="mono">${m.message_id}</span>`]),
    ["Lineage", delivery && html`<span class="mono">${delivery.lineage}</span>`],
  ];
  return html`<${Card} id="facts" title="Facts"><div class="body"><dl class="facts">${facts.filter(([, value]) => value).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></div><//>`;
};

const Raw = ({ order }) => {
  const text = JSON.stringify(order, null, 2);
  return html`<${Card} id="raw" title="Raw JSON" note=${html`<div class="tools"><button class="btn" type="button" onClick=${() => copy(text, "The JSON was copied.")}><${Icon} name="copy" />Copy</button></div>`}>
    <div class="body"><pre class="json" tabindex="0" role="region" aria-label="Raw JSON of the order">${text}</pre></div><//>`;
};

const nameOf = (order) => order.reference ?? order.id;

/** OneOrder is the page of one order. It asks again until the order is counted. */
export const OneOrder = ({ id, now }) => {
  const at = encodeURIComponent(id);
  const [settled, settle] = useState(false);
  const [failure, fail] = useState(null);
  const order = useAsk(`/v1/orders/${at}`, settled ? 30 : 1), delivery = useAsk(`/v1/orders/${at}/delivery`, settled ? 30 : 1);
  const counting = useAsk(activity && delivery.data ? `/v1/orders/${at}/counting` : null, settled ? 30 : 1);
  const messages = delivery.data?.messages ?? [];
  const of = (m) => counting.data?.messages.find((c) => c.message_id === m.message_id);
  const done = messages.length > 0 && messages.every((m) => m.state === "discarded" || (m.state === "published" && (!activity || ["counted", "unanswered", "parked", "late", "conflict"].includes(of(m)?.state))));
  useEffect(() => { settle(done); }, [done]);
  useEffect(() => { document.title = `Order ${order.data ? nameOf(order.data) : ""} · Ordertally`; }, [order.data]);

  const crumb = html`<a class="crumb" href="/"><${Icon} name="left" />Orders</a>`;
  if (!order.data) {
    const inside = order.problem?.status === 404 ? html`<${Blank} icon="search" title="No order has this id" tools=${html`<a class="btn" href="/">Show all orders</a>`}>An id is matched whole: <code>${id}</code><//>`
      : order.problem ? html`<${Failed} problem=${order.problem} what="the order" again=${order.again} />` : html`<${Loading} />`;
    return html`<div class="head"><div>${crumb}<h1>Order</h1></div></div><section class="card"><h2 class="sr">What was found</h2>${inside}</section>`;
  }
  const o = order.data, [m, m2] = messages, cancelled = o.status === "cancelled";
  const cancel = async () => {
    fail(null);
    const answer = await confirm({
      title: `Cancel order ${nameOf(o)}?`, text: "It cannot be undone. The order stays on file.", danger: true, keep: "Keep the order", yes: "Cancel order", reason: "optional", example: "The customer asked",
      consequences: [`${money(o.currency, o.total)} leaves today's net figures.`, "A message ORDER_CANCELLED is published.", "Nobody is refunded: that is the shop's to do."],
    });
    if (!answer) return;
    try {
      await ask(`/v1/orders/${o.id}/cancel`, { body: answer.reason ? { reason: answer.reason } : {}, headers: { "Idempotency-Key": crypto.randomUUID?.() ?? String(Date.now()) } });
      toast(`Order ${nameOf(o)} was cancelled.`);
    } catch (problem) {
      fail(problem);
    }
    settle(false);
    order.again();
    delivery.again();
    counting.again();
  };
  const first = { title: "Placed", at: o.placed_at, node: "check", text: o.placed_by ? html`By <code>${o.placed_by}</code>` : o.customer_id ? `By customer ${o.customer_id}` : "" };
  return html`<div class="head"><div>${crumb}<h1>Order ${nameOf(o)} <span class=${"sum" + (cancelled ? " gone" : "")}>${money(o.currency, o.total)}</span></h1>
      <p class="tools states">${cancelled && html`<${Badge}>Cancelled<//>`}${m && html`<${Publication} state=${m.state} loud />`}${m && of(m)?.state === "counted" && html`<${Badge} tone="good" icon="check">Counted<//>`}<span class="muted small">placed ${when(o.placed_at)}${o.customer_id ? ` by customer ${o.customer_id}` : ""}</span></p></div>
      <div class="tools"><button class="btn" type="button" onClick=${() => copy(o.id, "The id was copied.")}><${Icon} name="copy" />Copy id</button>${!cancelled && html`<button class="btn danger" type="button" id="cancel" onClick=${cancel}>Cancel order…</button>`}</div></div>
    ${failure && html`<section class="verdict decide" role="alert"><span class="face"><${Icon} name="alert" /></span><div><h2>The order was not cancelled</h2><p>${failure.status === 403 ? "Your key may not cancel orders: it lacks the scope orders:write. " : ""}${failure.message}</p></div></section>`}
    ${order.problem && html`<p class="bad" role="status">${order.problem.message} What is shown is of ${when(order.at)}.</p>`}
    <${Card} id="timeline" title="Timeline" note=${m && tookOf(o, m, of(m))}>
      ${m ? html`<div class="body"><${Timeline} label="The order" steps=${stepsOf(id, first, m, of(m), now)} /></div>` : delivery.problem ? html`<${Failed} problem=${delivery.problem} what="the timeline" again=${delivery.again} />` : html`<${Loading} lines=${[60, 90]} />`}
      ${m2 && html`<div class="body second"><${Timeline} label="Its cancellation" steps=${stepsOf(id, { title: "Cancelled", at: o.cancelled_at, node: "cross", tone: "info", text: o.reason ? html`Reason: ${o.reason}` : o.cancelled_by ? html`By <code>${o.cancelled_by}</code>` : "" }, m2, of(m2), now)} /></div>`}<//>
    <div class="grid"><${Lines} order=${o} /><div class="stack c4"><${Facts} order=${o} delivery=${delivery.data} /><${Raw} order=${o} /></div></div>`;
};

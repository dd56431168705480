// What became of one message: which activity counted it, and when.
import { html, useState, useEffect, ask, to, when, clock, dateOf, weekday, Card, Blank, Badge, Loading, Failed, Icon } from "/assets/console.js";
import { titleOf } from "/assets/figures.js";

const states = {
  counted: ["good", "check", "Counted"], parked: ["act", "alert", "Parked"], late: ["act", "alert", "Late"], conflict: ["act", "alert", "Conflict"],
};

/** Message is the page of one message. It may be of any activity of the service. */
export const Message = ({ list, query, zone, orders }) => {
  const id = query.message;
  const [state, set] = useState({});
  const names = list.map((a) => a.name).join();
  const look = async () => {
    try {
      const found = await Promise.all(list.map((a) => ask(`/v1/activities/${encodeURIComponent(a.name)}/messages/${encodeURIComponent(id)}`)));
      set({ id, found });
    } catch (problem) {
      set({ id, problem });
    }
  };
  useEffect(() => { if (names) look(); }, [id, names]);
  // Who comes from an order has its id in the URL, and goes back to it from here.
  const back = orders && query.order && html`<div class="tools"><a class="btn" id="order" href=${`${orders}/?${new URLSearchParams({ id: query.order })}`} rel="external">Show its order</a></div>`;
  const head = html`<div class="head"><div><h1>Message</h1><p class="mono">${id}</p></div>${back}</div>`;
  if (state.id !== id) return html`<div class="stack">${head}<${Card}><${Loading} lines=${[40, 60]} /><//></div>`;
  if (state.problem) return html`<div class="stack">${head}<${Card}><${Failed} problem=${state.problem} what="the message" again=${look} /><//></div>`;
  const found = state.found.filter((m) => m.state in states);
  const there = orders && html`<a class="btn" href=${`${orders}/?${new URLSearchParams({ q: id })}`} rel="external">Look for an order with this id</a>`;
  if (!found.length) return html`<div class="stack">${head}<${Card}><${Blank} icon="search" title="No message with this id was read" tools=${there}>It may come yet, it may never have been sent, or it was counted so long ago that its id is forgotten. An order has other ids than its messages.<//><//></div>`;
  return html`<div class="stack">${head}${found.map((m) => {
    const [tone, icon, word] = states[m.state];
    return html`<${Card} key=${m.activity} id=${"message-" + m.activity} title=${titleOf(m.activity)} note=${html`<${Badge} tone=${tone} icon=${icon}>${word}<//>`}><div class="body"><dl class="facts">
      ${m.counted_at && html`<dt>Counted</dt><dd id="counted-at"><time datetime=${m.counted_at}>${when(m.counted_at, zone)}</time>, in ${zone}</dd>`}
      ${m.parked_at && html`<dt>Set aside</dt><dd>${when(m.parked_at, zone)}</dd>`}
      ${m.reason && html`<dt>Why</dt><dd>${m.reason.replaceAll("_", " ")}</dd>`}
      ${m.detail && html`<dt>Last error</dt><dd>${m.detail}</dd>`}
      ${m.known_by && html`<dt>Known by</dt><dd>${m.known_by === "id" ? "its id" : "its lineage and sequence"}</dd>`}
    </dl></div>${m.state !== "counted" && html`<footer><a href=${to({ activity: query.activity, view: "counting" }, "/")}>Decide about it</a></footer>`}<//>`;
  })}</div>`;
};

import { html, render, ask, Shell, Keep } from "/assets/console.js";

// The operators' page of the order service. It knows the API as any client does: /v1/outbox. No part of an answer becomes HTML.
(() => {
  const old = document.createElement("div"), main = document.querySelector("main");
  old.className = "stack";
  old.append(...main.children);
  main.remove();
  render(html`<${Shell} service="orders" health=${{}} call="GET /v1/outbox"><${Keep} element=${old} /><//>`, document.body);
  const $ = (id) => document.getElementById(id);
  const whole = new Intl.NumberFormat();
  const put = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; }; // a screen reader hears changes only

  // How it stands.
  const duration = (seconds) => seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
  let before = null;
  const look = async () => {
    try {
      const report = await ask("/v1/outbox"), now = performance.now() / 1000;
      put("backlog", whole.format(report.backlog));
      put("oldest", report.oldest_unpublished_at ? duration(Math.max(0, (Date.now() - Date.parse(report.oldest_unpublished_at)) / 1000)) : "none waits");
      put("published", whole.format(report.published_up_to));
      put("rate", before ? whole.format(Math.round(Math.max(0, report.published_up_to - before.published) / (now - before.at))) : "–");
      before = { published: report.published_up_to, at: now };
      put("waiting", whole.format(report.waiting));
      if ($("parked-count").textContent !== whole.format(report.parked)) list();
      put("parked-count", whole.format(report.parked));
      put("relay", `Kafka: ${report.relay.state} since ${new Date(report.relay.since).toLocaleString()}` + (report.relay.error ? `: ${report.relay.error}` : ""));
      $("relay").classList.toggle("lost", !["up", "idle"].includes(report.relay.state));
      $("incidents").replaceChildren(...(report.incidents.length ? report.incidents : [{ text: "Nothing." }]).map((incident) => {
        const item = document.createElement("li");
        item.textContent = incident.at ? `${new Date(incident.at).toLocaleString()}, ${incident.kind}: ${incident.text}` : incident.text;
        return item;
      }));
    } catch (problem) {
      put("relay", "The service does not answer: " + problem.message);
      $("relay").classList.add("lost");
    }
  };

  // Parked messages.
  const button = (label, act) => {
    const element = document.createElement("button");
    element.type = "button";
    element.textContent = label;
    element.addEventListener("click", act);
    return element;
  };
  let asked = 0, next = "";
  const list = async (onward) => {
    const mine = ++asked, query = new URLSearchParams({ limit: "50" });
    if ($("class").value) query.set("class", $("class").value);
    if (onward) query.set("cursor", next);
    try {
      const page = await ask("/v1/outbox/parked?" + query);
      if (mine !== asked) return;
      const rows = page.parked.map((message) => {
        const row = document.createElement("tr");
        for (const text of [message.order_id, message.class, message.attempts, new Date(message.last_failed_at).toLocaleString(), message.reason]) {
          row.insertCell().textContent = text;
        }
        row.insertCell().append(
          button("Show", () => show(message)), button("Retry", () => decide(message, "retry")), button("Discard", () => decide(message, "discard")));
        return row;
      });
      const body = $("messages").tBodies[0];
      if (!onward) body.replaceChildren();
      body.append(...rows);
      next = page.next_cursor ?? "";
      $("more").hidden = !next;
    } catch (problem) {
      put("outcome", problem.message);
    }
  };
  const show = async (message) => {
    try {
      put("payload", JSON.stringify(await ask("/v1/outbox/parked/" + message.id), null, 2));
      $("whole").showModal();
    } catch (problem) {
      put("outcome", problem.message);
    }
  };
  const words = {
    retry: ["Publish the message of order %s again?", "It gets a new place at the end. Mend the cause first: one more refusal parks it again.", "Retry"],
    discard: ["Give the message of order %s up, for ever?", "Nobody downstream will ever hear of this order. This cannot be undone.", "Discard"],
  };
  const decide = (message, verb) => {
    const [question, consequence, yes] = words[verb];
    put("question", question.replace("%s", message.order_id));
    put("consequence", consequence);
    put("yes", yes);
    $("reason").value = "";
    $("reason").required = verb === "discard";
    $("confirm").returnValue = "";
    $("confirm").onclose = async () => {
      if ($("confirm").returnValue !== "yes") return;
      try {
        await ask(`/v1/outbox/parked/${message.id}/${verb}`, { body: { reason: $("reason").value } });
        put("outcome", `${yes}: the message of order ${message.order_id} is dealt with.`);
      } catch (problem) {
        put("outcome", problem.message);
      }
      list();
      look();
    };
    $("confirm").showModal();
    $("reason").focus();
  };

  $("class").addEventListener("change", () => list());
  $("refresh").addEventListener("click", () => list());
  $("more").addEventListener("click", () => list(true));
  look();
  setInterval(() => { if (!document.hidden) look(); }, 1000);
})();

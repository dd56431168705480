// API keys: who may do what, a new one, and the end of one. The list needs the scope keys:write.
import { html, useEffect, useRef, useState, useLayoutEffect, ask, Card, Blank, Loading, Failed, Badge, Icon, confirm, toast, copy, useAsk, when, plural } from "/assets/console.js";

const scopes = [
  ["orders:write", "place and cancel orders"], ["orders:read", "see orders and their delivery"], ["orders:backfill", "place orders of the past"], ["orders:handover", "hand over an overtaken file"],
  ["stats:read", "see statistics"], ["ops:read", "see the outbox and its incidents"], ["ops:write", "retry and discard"], ["backup:read", "copy the whole file"], ["keys:write", "make and revoke keys"],
];
const lifetimes = [["7776000", "90 days"], ["31536000", "1 year"], ["604800", "7 days"], ["", "Until it is revoked"]];

// NewKey asks for what a key needs. It closes when the key is made, or nothing is.
const NewKey = ({ close, made }) => {
  const dialog = useRef(null);
  const [name, setName] = useState("");
  const [chosen, choose] = useState([]);
  const [lifetime, setLifetime] = useState(lifetimes[0][0]);
  const [failure, fail] = useState(null);
  useLayoutEffect(() => { dialog.current.showModal(); }, []);
  const submit = async (event) => {
    event.preventDefault();
    try {
      made(await ask("/v1/keys", { body: { name: name.trim(), scopes: chosen, ...(lifetime ? { expires_in: Number(lifetime) } : { never_expires: true }) } }));
    } catch (problem) {
      fail(problem);
    }
  };
  const toggle = (scope) => choose(chosen.includes(scope) ? chosen.filter((s) => s !== scope) : [...chosen, scope]);
  return html`<dialog id="new-key" ref=${dialog} aria-labelledby="new-key-title" onCancel=${close} onClose=${close}><form onSubmit=${submit}>
    <div><h2 id="new-key-title">New key</h2><p>It is shown once. Keys with one name are one caller, so a new one can replace an old one.</p></div>
    <label>Name<input id="key-name" required maxlength="64" pattern="[!-~]+" placeholder="shop" autocomplete="off" value=${name} onInput=${(e) => setName(e.target.value)} /></label>
    <fieldset class="scopes"><legend>Scopes</legend>${scopes.map(([scope, says]) => html`<label key=${scope} class="pick"><input type="checkbox" name=${scope} checked=${chosen.includes(scope)} onChange=${() => toggle(scope)} /><span><code>${scope}</code> <span class="muted">${says}</span></span></label>`)}</fieldset>
    <label>Valid for<select value=${lifetime} onChange=${(e) => setLifetime(e.target.value)}>${lifetimes.map(([v, text]) => html`<option value=${v} selected=${v === lifetime}>${text}</option>`)}</select></label>
    ${failure && html`<p class="bad" role="alert">${failure.message}</p>`}
    <div class="tools"><button class="btn" type="button" onClick=${close}>Cancel</button><button class="btn main" id="make" disabled=${!name.trim() || !chosen.length}>Make key</button></div></form></dialog>`;
};

// Secret shows a new key, once.
const Secret = ({ made, close }) => {
  const dialog = useRef(null);
  useLayoutEffect(() => { dialog.current.showModal(); }, []);
  return html`<dialog id="secret" ref=${dialog} aria-labelledby="secret-title" onClose=${close}><form method="dialog"><div><h2 id="secret-title">The key of ${made.name}</h2><p>Copy it now: the service keeps only a hash.</p></div>
    <pre class="json" tabindex="0" role="region" aria-label="The key">${made.key}</pre><div class="tools"><button class="btn" type="button" onClick=${() => copy(made.key, "The key was copied.")}><${Icon} name="copy" />Copy</button><button class="btn main">Done</button></div></form></dialog>`;
};

const stateOf = { active: ["quiet good", "check", "Active"], expired: ["", "clock", "Expired"], revoked: ["", "cross", "Revoked"] };

/** Keys is the page of the API keys. */
export const Keys = () => {
  useEffect(() => { document.title = "Keys · Ordertally"; }, []);
  const { data, problem, again } = useAsk("/v1/keys");
  const [making, make] = useState(false);
  const [made, setMade] = useState(null);
  const [failure, fail] = useState(null);
  const keys = (data?.keys ?? []).toReversed();
  const revoke = async (key) => {
    const answer = await confirm({ title: `Revoke the key ${key.id}?`, text: `It is ${key.name}'s.`, danger: true, keep: "Keep it", yes: "Revoke key", consequences: ["Requests with it are refused from now on.", "Streams that it opened end.", "It cannot be undone. A new key can have the same name."] });
    if (!answer) return;
    fail(null);
    try {
      await ask(`/v1/keys/${key.id}`, { method: "DELETE" });
      toast(`The key ${key.id} of ${key.name} was revoked.`);
    } catch (refusal) {
      fail(refusal);
    }
    again();
  };
  const scopesOf = (key) => html`<span class="tools tight">${key.scopes.map((scope) => html`<${Badge} key=${scope}>${scope}<//>`)}</span>`;
  let inside;
  if (!data) inside = problem ? html`<${Failed} problem=${problem} what="the keys" again=${again} />` : html`<${Loading} />`;
  else if (!keys.length) inside = html`<${Blank} icon="key" title="Nobody needs a key here">The first key would shut everybody else out, so it is made in the file while the service is stopped: <code>order keys new admin --scopes keys:write,orders:read,ops:read --data FILE</code>. Give it every scope that it is to hand on.<//>`;
  else {
    inside = html`<div class="scroll"><table class="rows" role="table"><caption class="sr">API keys, the newest first</caption>
      <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Name</th><th role="columnheader" scope="col">State</th><th role="columnheader" scope="col">Scopes</th><th role="columnheader" scope="col">Made</th><th role="columnheader" scope="col">Last used</th><th role="columnheader" scope="col">Expires</th><th role="columnheader" scope="col"><span class="sr">Revoke</span></th></tr></thead>
      <tbody role="rowgroup">${keys.map((key) => {
        const [tone, icon, word] = stateOf[key.state];
        return html`<tr role="row" key=${key.id}><td role="cell"><span class="lead">${key.name}</span> <span class="muted mono idsh">${key.id}</span></td><td role="cell" class="m-right"><${Badge} tone=${tone} icon=${icon}>${word}<//></td><td role="cell" class="m-full">${scopesOf(key)}</td>
          <td role="cell" class="muted m-full" data-l="Made">${when(key.created_at)}${key.created_by ? html` by <code>${key.created_by}</code>` : ""}</td><td role="cell" class="muted m-full" data-l="Last used">${key.last_used_at ? when(key.last_used_at) : "never"}</td>
          <td role="cell" class="muted" data-l="Expires">${key.state === "revoked" ? `revoked ${when(key.revoked_at)}` : key.expires_at ? when(key.expires_at) : "never"}</td>
          <td role="cell" class="m-right">${key.state === "active" && html`<button class="btn bare danger" type="button" onClick=${() => revoke(key)}>Revoke…<span class="sr"> ${key.id} of ${key.name}</span></button>`}</td></tr>`;
      })}</tbody></table></div>`;
  }
  return html`<div class="head"><div><h1>Keys</h1><p>Who may do what. A key is shown only when it is made.</p></div>${keys.length > 0 && html`<div class="tools"><button class="btn main" type="button" id="new" onClick=${() => make(true)}><${Icon} name="key" />New key…</button></div>`}</div>
    ${failure && html`<section class="verdict decide" role="alert"><span class="face"><${Icon} name="alert" /></span><div><h2>The key was not revoked</h2><p>${failure.message}</p></div></section>`}
    <${Card} id="keys" title=${keys.length ? plural(keys.filter((key) => key.state === "active").length, "active key") : "API keys"}>${inside}<//>
    ${making && html`<${NewKey} close=${() => make(false)} made=${(key) => { make(false); setMade(key); again(); }} />`}
    ${made && html`<${Secret} made=${made} close=${() => setMade(null)} />`}`;
};

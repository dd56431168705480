// How a page asks its own service. When the service wants a credential, the reader is asked for one; it is kept for as long as the tab
// is open, and sent nowhere else.

const held = "ordertally-credential";
const withCredential = (options = {}) => {
  const credential = sessionStorage.getItem(held);
  return credential ? { ...options, headers: { ...options.headers, Authorization: "Bearer " + credential } } : options;
};

/** hasKey says whether the reader gave a key in this tab. forgetKey forgets it: the next request asks for another. */
export const hasKey = () => sessionStorage.getItem(held) !== null;
export const forgetKey = () => sessionStorage.removeItem(held);

// wanted is the open question, so that several requests ask once.
let wanted = null;
/** askForKey opens the question for a key, and ends when it was answered. */
export const askForKey = (why) => {
  wanted ??= new Promise((resolve) => {
    const dialog = document.createElement("dialog"), form = document.createElement("form"), label = document.createElement("label"),
      input = document.createElement("input"), button = document.createElement("button"), head = document.createElement("div"),
      title = document.createElement("h2"), text = document.createElement("p"), tools = document.createElement("div");
    dialog.id = "credential";
    title.id = "credential-title";
    title.textContent = "A key is needed";
    text.textContent = why;
    dialog.setAttribute("aria-labelledby", title.id);
    input.type = "password";
    input.required = true;
    input.autocomplete = "off";
    label.append("API key or token", input);
    button.className = "btn main";
    button.textContent = "Go on";
    tools.className = "tools";
    tools.append(button);
    head.append(title, text);
    form.append(head, label, tools);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(held, input.value.trim());
      dialog.remove();
      wanted = null;
      resolve();
    });
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // the page shows nothing without
    dialog.append(form);
    document.body.append(dialog);
    dialog.showModal();
  });
  return wanted;
};

/** request is fetch with the reader's credential. A 401 asks for one and tries again. */
export const request = async (path, options) => {
  for (;;) {
    const sent = sessionStorage.getItem(held);
    const response = await fetch(path, withCredential(options));
    if (response.status !== 401) return response;
    const refusal = await response.json();
    if (sessionStorage.getItem(held) === sent) await askForKey(refusal.detail);
  }
};

/** Problem is what a service answered instead (RFC 9457), or that it did not answer: then status is 0. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.errors?.[0]?.detail || body.detail || body.title || `The service answered ${status}.`);
    Object.assign(this, { status, code: body.code ?? "", trace: body.trace_id ?? "", errors: body.errors ?? [] });
  }
}

/** ask returns the JSON of an answer, or throws a Problem. With a body it is a POST; method says otherwise. */
export const ask = async (path, { body, method, headers, signal } = {}) => {
  const options = { method: method ?? (body === undefined ? "GET" : "POST"), headers: { Accept: "application/json", ...headers }, signal };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response, answer;
  try {
    response = await request(path, options);
    answer = response.status === 204 ? null : await response.json();
  } catch (failed) {
    if (failed.name === "AbortError") throw failed;
    throw new Problem(0, { title: "The service does not answer." });
  }
  if (!response.ok) throw new Problem(response.status, answer ?? {});
  return answer;
};

// read calls take with each event of a stream (text/event-stream) until it ends.
const read = async (body, take) => {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const event = { type: "message", data: [], id: "" };
      for (const line of part.split("\n")) {
        const [, field, text] = /^([^:]*):? ?(.*)$/.exec(line);
        if (field === "event") event.type = text;
        if (field === "data") event.data.push(text);
        if (field === "id") event.id = text;
      }
      if (event.data.length) take({ ...event, data: event.data.join("\n") });
    }
  }
};

/** events follows a stream until stop is called, which it returns. lost is called whenever the stream has ended; another try follows,
 *  unless the service refuses what is asked for.
 *  EventSource cannot send a credential, so the stream is read here. */
export const events = (path, names, take, lost = () => {}) => {
  const stopped = new AbortController();
  const follow = async () => {
    let lastID = "";
    for (let pause = 500; !stopped.signal.aborted; pause = Math.min(pause * 2, 10000)) {
      try {
        const headers = { Accept: "text/event-stream", ...(lastID && { "Last-Event-ID": lastID }) };
        const response = await request(path, { headers, cache: "no-store", signal: stopped.signal });
        if ([400, 404, 422].includes(response.status)) return; // it would be refused again
        if (response.ok) {
          await read(response.body, (event) => {
            pause = 500;
            lastID = event.id || lastID;
            if (names.includes(event.type)) take(event);
          });
        }
      } catch { /* said below */ }
      if (stopped.signal.aborted) return;
      lost();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  follow();
  return () => stopped.abort();
};

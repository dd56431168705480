"use strict";
// How a page asks its own service. When the service wants a credential, the reader is asked for one; it is kept for as long as the tab
// is open, and sent nowhere else.
const ordertally = (() => {
  const held = "ordertally-credential";
  const withCredential = (options = {}) => {
    const credential = sessionStorage.getItem(held);
    return credential ? { ...options, headers: { ...options.headers, Authorization: "Bearer " + credential } } : options;
  };

  // wanted is the open question, so that several requests ask once.
  let wanted = null;
  const askFor = (why) => {
    wanted ??= new Promise((resolve) => {
      const dialog = document.createElement("dialog"), form = document.createElement("form"), label = document.createElement("label"),
        input = document.createElement("input"), button = document.createElement("button"), text = document.createElement("p");
      dialog.id = "credential";
      text.textContent = why;
      input.type = "password";
      input.required = true;
      input.autocomplete = "off";
      label.append("API key or token", input);
      button.textContent = "Go on";
      form.append(label, button);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        sessionStorage.setItem(held, input.value.trim());
        dialog.remove();
        wanted = null;
        resolve();
      });
      dialog.addEventListener("cancel", (event) => event.preventDefault()); // the page shows nothing without
      dialog.append(text, form);
      document.body.append(dialog);
      dialog.showModal();
    });
    return wanted;
  };

  const get = async (path, options) => {
    for (;;) {
      const sent = sessionStorage.getItem(held);
      const response = await fetch(path, withCredential(options));
      if (response.status !== 401) return response;
      const refusal = await response.json();
      if (sessionStorage.getItem(held) === sent) await askFor(refusal.detail);
    }
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

  // events follows a stream for as long as the page is open. EventSource cannot send a credential, so the stream is read here.
  const events = async (path, names, take, lost) => {
    let lastID = "";
    for (let pause = 500; ; pause = Math.min(pause * 2, 10000)) {
      try {
        const headers = { Accept: "text/event-stream", ...(lastID && { "Last-Event-ID": lastID }) };
        const response = await get(path, { headers, cache: "no-store" });
        if (response.ok) {
          await read(response.body, (event) => {
            pause = 500;
            lastID = event.id || lastID;
            if (names.includes(event.type)) take(event);
          });
        }
      } catch { /* said below */ }
      lost();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };

  return { fetch: get, events };
})();

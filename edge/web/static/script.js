// What a script adds to pages that work without one: parts that change are replaced, and settings are checked as typed.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);

  // --- live: the server sends {id: html of the element with this id}
  const state = $("live");
  const say = (words, on) => {
    if (state && state.textContent !== words) state.textContent = words;
    if (state) state.classList.toggle("on", on);
  };

  const able = "a,button,summary,[tabindex]";
  const mark = (each) => (each.querySelector("summary") || each).textContent + "|" + (each.value || each.href || "");
  const put = (id, html) => {
    const old = $(id);
    if (!old) return;
    const shell = document.createElement("template");
    shell.innerHTML = html;
    const fresh = shell.content.firstElementChild;
    // What a person has opened stays open, and what has the focus keeps it
    const opened = [...old.querySelectorAll("details[open]")].map(mark);
    for (const each of fresh.querySelectorAll("details")) if (opened.includes(mark(each))) each.open = true;
    const focused = old.contains(document.activeElement) && mark(document.activeElement);
    const atEnd = fresh.matches("[data-tail]") && old.scrollHeight - old.scrollTop - old.clientHeight < 40;
    const was = old.scrollTop;
    old.replaceWith(fresh);
    fresh.scrollTop = atEnd ? fresh.scrollHeight : was;
    if (focused)
      [...fresh.querySelectorAll(able)].find((each) => mark(each) === focused)?.focus({ preventScroll: true });
  };

  const watch = (name) => {
    const source = new EventSource("/live/" + name);
    source.onopen = () => say("live", true);
    source.onerror = () => say("no connection, trying again", false);
    source.onmessage = (event) => {
      say("live", true);
      for (const [id, html] of Object.entries(JSON.parse(event.data))) put(id, html);
    };
    addEventListener("pagehide", () => source.close());
  };
  document.querySelectorAll("[data-live]").forEach((each) => watch(each.dataset.live));
  document.querySelectorAll("[data-tail]").forEach((each) => (each.scrollTop = each.scrollHeight));

  // --- checked as one types: the form says what its fields are of, what is wrong is said below each of them
  const check = async (form) => {
    const { keys, first } = JSON.parse(form.dataset.check);
    const whole = form.querySelector("[data-whole]");
    const fields = new Map([...form.querySelectorAll("[data-key]")].map((each) => [each.dataset.key, each]));
    const edits = first ? [...first] : [];
    for (const [key, each] of fields)
      if (each.value !== each.dataset.was) edits.push({ ...keys, key, ...(each.value.trim() && { text: each.value }) });
    const answer = await fetch("/api/v1/check", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": document.body.dataset.csrf },
      body: JSON.stringify(whole ? { text: whole.value } : { edits }),
    });
    const { rows, failed } = await answer.json();
    const said = new Map(failed ? [["", [failed]]] : []);
    for (const row of rows || []) {
      const key = (row.key || "").split(/[ .,\]]+/).pop();
      const at = fields.has(key) ? key : "";
      const where = at ? "" : [row.line && "line " + row.line, row.key].filter(Boolean).join(", ") + ": ";
      said.set(at, [...(said.get(at) || []), where + row.words]);
    }
    for (const [key, each] of fields) tell($(each.id + "-wrong"), each, said.get(key));
    tell(form.querySelector(".found"), whole, said.get(""));
  };
  const tell = (place, control, words) => {
    if (place) place.textContent = (words || []).join("\n");
    if (control) words ? control.setAttribute("aria-invalid", "true") : control.removeAttribute("aria-invalid");
  };
  for (const form of document.querySelectorAll("form[data-check]")) {
    let soon;
    form.addEventListener("input", () => {
      clearTimeout(soon);
      soon = setTimeout(() => check(form).catch(() => {}), 300);
    });
  }

  // --- a countdown, in words
  for (const each of document.querySelectorAll("[data-left]")) {
    const end = performance.now() + each.dataset.left * 1000;
    const timer = setInterval(() => {
      const left = Math.max(0, Math.round((end - performance.now()) / 1000));
      each.textContent = left + " s";
      if (!left) clearInterval(timer);
    }, 1000);
  }
})();

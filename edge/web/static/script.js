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

  // --- a large file: sent piece by piece, each after the box has the one before
  const bring = async (form) => {
    const file = form.querySelector("input[type=file]").files[0];
    const bar = form.querySelector("progress");
    const said = form.querySelector("[role=status]");
    bar.hidden = false;
    for (let at = 0; at < file.size || !at; at += 4 << 20) {
      const body = new FormData();
      body.append("file", file.slice(at, at + (4 << 20)));
      body.append("bytes", file.size);
      body.append("offset", at);
      if (form.querySelector("[name=allow_older]").checked) body.append("allow_older", "true");
      const headers = { "X-CSRF-Token": document.body.dataset.csrf };
      const { failed } = await (await fetch(form.dataset.pieces, { method: "POST", headers, body })).json();
      if (failed) throw new Error(failed);
      bar.value = (100 * Math.min(file.size, at + (4 << 20))) / file.size;
      said.textContent = Math.round(bar.value) + " % is there";
    }
    location.reload();
  };
  for (const form of document.querySelectorAll("form[data-pieces]"))
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      bring(form).catch((error) => {
        button.disabled = false;
        form.querySelector("[role=status]").textContent = error.message;
      });
    });

  // --- a picture: dragging changes its window, the wheel its frame; the form says what is shown
  const picture = $("picture");
  if (picture) {
    const at = JSON.parse(picture.dataset.picture);
    const form = document.querySelector("form.search");
    const said = picture.closest("figure").querySelector("figcaption");
    let busy = false, again = false, from = null;
    const show = () => {
      again = busy;
      if (busy) return;
      busy = true;
      const args = new URLSearchParams({ object: at.object, frame: at.frame, size: at.size });
      if (at.chosen) args.set("center", at.center), args.set("width", at.width);
      picture.src = "/api/v1/picture?" + args;
      const words = at.frames > 1 ? ["frame " + at.frame + " of " + at.frames] : [];
      if (at.chosen) words.push("center " + at.center + ", width " + at.width);
      said.textContent = words.join(", ");
      for (const name of ["frame", "center", "width"])
        if (form && form.elements[name] && (name === "frame" || at.chosen)) form.elements[name].value = at[name];
    };
    const over = () => {
      busy = false;
      if (again) show();
    };
    picture.addEventListener("load", over);
    picture.addEventListener("error", over);
    const drags = at.grey && at.center !== null;
    const hints = [drags && "Drag across the picture for width and center.", at.frames > 1 && "Turn the wheel for the frame."];
    said.insertAdjacentHTML("afterend", `<p class="hint">${hints.filter(Boolean).join(" ")}</p>`);
    at.chosen = new URLSearchParams(location.search).has("width");
    if (drags) {
      picture.classList.add("drags");
      picture.addEventListener("pointerdown", (event) => {
        from = { x: event.clientX, y: event.clientY, center: at.center, width: at.width };
        picture.setPointerCapture(event.pointerId);
        event.preventDefault();
      });
      picture.addEventListener("pointermove", (event) => {
        if (!from) return;
        const step = from.width / 256;
        at.chosen = true;
        at.width = Math.max(1, Math.round(from.width + (event.clientX - from.x) * step));
        at.center = Math.round(from.center + (event.clientY - from.y) * step);
        show();
      });
      for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => (from = null));
    }
    if (at.frames > 1)
      picture.addEventListener("wheel", (event) => {
        event.preventDefault();
        at.frame = Math.min(at.frames, Math.max(1, at.frame + Math.sign(event.deltaY)));
        show();
      }, { passive: false });
  }

  // --- a countdown, in words
  for (const each of document.querySelectorAll("[data-left]")) {
    const end = performance.now() + each.dataset.left * 1000;
    const timer = setInterval(() => {
      const left = Math.max(0, Math.round((end - performance.now()) / 1000));
      each.textContent = left + " s";
      if (left) return;
      clearInterval(timer);
      if (each.dataset.then) setTimeout(() => location.assign(each.dataset.then), 4000);
    }, 1000);
  }
})();

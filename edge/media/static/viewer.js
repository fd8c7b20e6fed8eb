// The page: the tree of studies, the tools, the panes.
"use strict";
(() => {
  const { make, near, Pane } = EDGE;
  const by = (id) => document.getElementById(id);
  const TOOLS = { window: "Window", zoom: "Zoom", pan: "Move", scroll: "Scroll", length: "Length" };
  const CT = [
    ["Brain", 40, 80], ["Soft tissue", 40, 400], ["Liver", 60, 160], ["Lung", -600, 1500], ["Bone", 400, 1800],
  ];
  const all = new Map(); // key -> series
  const order = [];
  const buttons = new Map(); // key -> button of the tree
  const panes = EDGE.panes;
  let active = null;

  // The scripts of the disc call these
  EDGE.studies = (list) => {
    let patient, study;
    for (const each of list) {
      if (each.patient !== undefined) patient = each;
      else if (each.study !== undefined) study = { ...each, patient };
      else {
        all.set(each.key, { ...each, study, places: null });
        order.push(each.key);
      }
    }
  };

  EDGE.series = (key, list) => {
    const known = [], places = [];
    for (const each of list) {
      if (each.n === undefined) known.push(each.form ? EDGE.prepare(each.form) : each.view);
      else {
        const count = each.why ? 1 : each.frames;
        for (let frame = 1; frame <= count; frame++) {
          const name = `${key}/F${String(each.at + frame - 1).padStart(7, "0")}`;
          const view = Array.isArray(each.view) ? each.view[frame - 1] : each.view;
          places.push({ image: each, frame, key: each.why ? `${name}?${places.length}` : name, form: known[each.form], view: known[view] });
        }
      }
    }
    all.get(key).places = places;
  };

  const need = async (series) => {
    if (!series.places) await EDGE.loadScript(series.key + "/SERIES.JS");
    series.places = series.places || [];
    return series;
  };

  // The tree

  const words = (series) => {
    const many = series.images === 1 ? "1 image" : series.images + " images";
    const frames = series.frames > series.shown ? `, ${series.frames} frames` : "";
    return many + frames + (series.shown < series.images ? `, ${series.images - series.shown} not shown` : "");
  };

  const grow = () => {
    const tree = by("tree");
    let patient, study, list;
    for (const key of order) {
      const series = all.get(key);
      if (series.study.patient !== patient) {
        patient = series.study.patient;
        tree.append(
          make("h2", { dir: "auto" }, patient.patient || "No name"),
          make("p", { class: "small", dir: "auto" }, [patient.id, patient.born, patient.sex].filter(Boolean).join("  ")),
        );
      }
      if (series.study !== study) {
        study = series.study;
        list = make("ul");
        tree.append(
          make("h3", { dir: "auto" }, study.study || "Study"),
          make("p", { class: "small" }, [study.date, study.accession].filter(Boolean).join("  ")),
          list,
        );
      }
      const button = make(
        "button",
        { type: "button" },
        make("span", { class: "kind" }, series.modality || "?"),
        make("span", { class: "name", dir: "auto" }, series.series || "Series " + series.number),
        make("span", { class: "small" }, words(series)),
      );
      button.addEventListener("click", () => place(active, key, true));
      buttons.set(key, button);
      list.append(make("li", {}, button));
    }
    if (!order.length) tree.append(make("p", {}, "There is nothing here to show."));
  };

  const place = async (pane, key, isByHand) => {
    if (matchMedia("(max-width: 700px)").matches) toggleTree(false);
    pane.empty("Loading …");
    const series = await need(all.get(key));
    if (!series.places.length) {
      pane.empty(`The list of this series cannot be read: ${key}/SERIES.JS`);
      return;
    }
    await pane.open(series);
    if (isByHand) pane.stage.focus({ preventScroll: true });
    mark();
    changed(pane);
  };

  const mark = () => {
    for (const [key, button] of buttons) {
      const isShown = panes.some((pane) => pane.series && pane.series.key === key);
      const isActive = active && active.series && active.series.key === key;
      button.classList.toggle("shown", isShown);
      if (isActive) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  };

  const toggleTree = (isOpen) => {
    document.body.classList.toggle("bare", !isOpen);
    by("menu").setAttribute("aria-expanded", String(isOpen));
  };

  // What panes say

  const choose = (pane) => {
    active = pane;
    panes.forEach((each) => each.root.classList.toggle("active", each === pane && panes.length > 1));
    mark();
    changed(pane);
  };

  let presets = [];
  const changed = (pane) => {
    if (pane !== active) return;
    by("play").setAttribute("aria-pressed", String(pane.isPlaying));
    by("play").textContent = pane.isPlaying ? "Stop" : "Play";
    by("play").disabled = !pane.series || pane.series.places.length < 2;
    if (!pane.isPlaying && pane.series && by("rate").dataset.series !== pane.series.key) {
      by("rate").dataset.series = pane.series.key;
      by("rate").value = pane.rate;
    }
    by("invert").setAttribute("aria-pressed", String(Boolean(pane.isInverted)));
    offer(pane);
  };

  const offer = (pane) => {
    presets = [["As the file says", () => null]];
    if (pane.frame) {
      const { view } = pane.place, { form } = pane.frame;
      if (form.voi) presets[0][0] = "Table of the file";
      if (!form.isColour) {
        view.windows.forEach(([center, width, how, name], at) => {
          if (at || form.voi) presets.push([`${name || "Window " + (at + 1)} of the file`, () => ({ center, width, function: how })]);
        });
        presets.push(["All values", () => EDGE.widest(pane.frame, pane.place.view)]);
        if (pane.series.modality === "CT") {
          for (const [name, center, width] of CT) presets.push([name, () => ({ center, width, function: "LINEAR" })]);
        }
      }
    }
    const names = presets.map(([name]) => name);
    const isOwn = pane.window && !pane.window.preset;
    const list = by("window");
    const wanted = names.join("\n") + isOwn;
    if (list.dataset.names !== wanted) {
      list.dataset.names = wanted;
      list.replaceChildren(...names.map((name, at) => make("option", { value: at }, at && at < 10 ? `${name}` : name)));
      if (isOwn) list.append(make("option", { value: "own" }, "By hand"));
    }
    list.value = isOwn ? "own" : String(pane.window ? Math.max(0, names.indexOf(pane.window.preset)) : 0);
  };

  const take = (pane, number) => {
    const preset = presets[number];
    if (!preset || !pane.frame) return;
    const window = preset[1]();
    pane.window = window && { ...window, preset: preset[0] };
    pane.repaint();
    changed(pane);
    app.tell(preset[0] + ", " + pane.windowInWords());
  };

  const app = (EDGE.app = {
    tool: matchMedia("(pointer: coarse)").matches ? "scroll" : "window",
    choose,
    active: () => active,
    changed: (pane) => changed(pane),
    tell: (text) => (by("said").textContent = text),

    // Other panes scroll along, each by its share
    follow: (pane, at) => {
      if (!by("linked").checked) return;
      const share = at / Math.max(1, pane.series.places.length - 1);
      for (const each of panes) {
        if (each !== pane && each.series) each.show(Math.round(share * (each.series.places.length - 1)));
      }
    },

    key: (pane, event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const { key, shiftKey } = event;
      const done = KEYS[key] || KEYS[key.toLowerCase()];
      if (/^[1-9]$/.test(key)) take(pane, Number(key) - 1);
      else if (!done || done(pane, shiftKey) === false) return;
      event.preventDefault();
    },
  });

  const arrow = (across, down) => (pane, isShifted) => {
    if (isShifted) return pane.moveBy(-20 * across, -20 * down);
    if (app.tool === "length" && pane.frame) return pane.moveCross(across, down);
    return pane.step(down || across).then(() => tellPlace(pane));
  };
  const tellPlace = (pane) => pane.series && app.tell(`Image ${pane.at + 1} of ${pane.series.places.length}`);
  const goTo = (where) => (pane) => pane.series && pane.show(where(pane), true).then(() => tellPlace(pane));
  const change = (center, width) => (pane, isShifted) => {
    if (!pane.frame) return;
    const span = pane.span, sign = isShifted ? -1 : 1, step = span.width / 20;
    pane.setWindow(span.center + sign * center * step, span.width + sign * width * step);
    app.tell(pane.windowInWords());
  };
  const KEYS = {
    ArrowUp: arrow(0, -1),
    ArrowDown: arrow(0, 1),
    ArrowLeft: arrow(-1, 0),
    ArrowRight: arrow(1, 0),
    PageUp: goTo((pane) => pane.at - 10),
    PageDown: goTo((pane) => pane.at + 10),
    Home: goTo(() => 0),
    End: goTo((pane) => pane.series.places.length - 1),
    "+": (pane) => pane.zoomBy(1.25),
    "=": (pane) => pane.zoomBy(1.25),
    "-": (pane) => pane.zoomBy(0.8),
    0: (pane) => pane.fit(),
    w: change(0, 1),
    c: change(1, 0),
    i: () => by("invert").click(),
    r: () => by("reset").click(),
    l: () => useTool("length"),
    " ": () => by("play").click(),
    Enter: (pane) => (app.tool === "length" && pane.frame ? pane.markCross() : false),
    Delete: (pane) => {
      if (!pane.frame) return;
      pane.ownLengths.pop();
      pane.draw();
    },
    Escape: (pane) => {
      pane.open_ = pane.cross = null;
      pane.draw();
      useTool("window");
    },
  };

  const useTool = (name) => {
    app.tool = name;
    document.querySelector(`#drag input[value=${name}]`).checked = true;
    app.tell("Drag to: " + TOOLS[name]);
  };

  // Panes side by side; new ones take the series that follow
  const arrange = async (count) => {
    while (panes.length > count) {
      const gone = panes.pop();
      gone.stop();
      gone.root.remove();
    }
    by("panes").dataset.count = count;
    const free = [];
    while (panes.length < count) {
      const pane = new Pane(panes.length + 1, app);
      panes.push(pane);
      free.push(pane);
      by("panes").append(pane.root);
    }
    if (!panes.includes(active)) choose(panes[0]);
    else choose(active);
    for (const pane of free) {
      const shown = panes.map((each) => each.series && order.indexOf(each.series.key)).filter((at) => at >= 0 && at !== null);
      const next = order[shown.length ? Math.max(...shown) + 1 : 0];
      if (next) await place(pane, next, false);
    }
  };

  EDGE.start = () => {
    grow();
    for (const [value, name] of Object.entries(TOOLS)) {
      const input = make("input", { type: "radio", name: "tool", value });
      input.checked = value === app.tool;
      input.addEventListener("change", () => (app.tool = value));
      by("drag").append(make("label", {}, input, make("span", {}, name)));
    }
    const click = (id, what) => by(id).addEventListener("click", () => what(active));
    click("invert", (pane) => {
      pane.isInverted = !pane.isInverted;
      pane.repaint();
      changed(pane);
    });
    click("larger", (pane) => pane.zoomBy(1.25));
    click("smaller", (pane) => pane.zoomBy(0.8));
    click("fit", (pane) => pane.fit());
    click("actual", (pane) => {
      if (pane.frame) pane.zoomBy(1 / (window.devicePixelRatio || 1) / pane.layout().scale);
    });
    click("play", (pane) => (pane.isPlaying ? pane.stop() : pane.play(near(Number(by("rate").value) || 10, 1, 60))));
    click("clear", (pane) => pane.clearLengths());
    click("reset", (pane) => {
      pane.home();
      pane.repaint();
      changed(pane);
    });
    click("help", () => {
      by("keys").hidden = !by("keys").hidden;
      by("help").setAttribute("aria-expanded", String(!by("keys").hidden));
    });
    click("menu", () => toggleTree(document.body.classList.contains("bare")));
    by("window").addEventListener("change", () => by("window").value !== "own" && take(active, Number(by("window").value)));
    by("rate").addEventListener("change", () => active.film && (active.film.rate = near(Number(by("rate").value) || 10, 1, 60)));
    by("layout").addEventListener("change", () => arrange(Number(by("layout").value)));
    toggleTree(!matchMedia("(max-width: 700px)").matches);
    arrange(1);
  };
})();

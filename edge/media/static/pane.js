// One pane: a series, of which one picture is shown, with its window, place and lengths.
"use strict";
(() => {
  const make = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") made.className = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };

  const near = (value, least, most) => Math.max(least, Math.min(most, value));
  const short = (value) => String(Math.round(value * 100) / 100);

  class Pane {
    constructor(number, app) {
      this.app = app;
      this.canvas = make("canvas", { role: "img", "aria-label": "No picture" });
      this.corners = ["nw", "ne", "sw", "se"].map((where) => make("div", { class: "corner " + where }));
      this.message = make("p", { class: "message" });
      this.slider = make("input", { type: "range", min: 1, value: 1, "aria-label": "Picture of the series" });
      this.stage = make("div", { class: "stage", tabindex: 0, role: "group", "aria-label": `Picture ${number}` });
      const last = this.corners[3];
      this.corners[3] = make("div");
      last.append(this.corners[3], make("p", { class: "mark" }, "Not for diagnosis"));
      this.stage.append(this.canvas, ...this.corners.slice(0, 3), last, this.message);
      this.root = make("section", { class: "pane", "aria-label": `Pane ${number}` }, this.stage, this.slider);
      this.source = make("canvas");
      this.lengths = new Map(); // key of a frame -> [{from, to}]
      this.slider.addEventListener("input", () => this.show(Number(this.slider.value) - 1, true));
      this.stage.addEventListener("focus", () => app.choose(this));
      new ResizeObserver(() => this.draw()).observe(this.stage);
      this.listen();
      this.empty();
    }

    empty(words = "Choose a series.") {
      this.stop();
      this.series = null;
      this.frame = this.place = null;
      this.say(words);
      for (const each of this.corners) {
        each.replaceChildren();
        each.dataset.words = "";
      }
      this.slider.hidden = true;
      this.draw();
    }

    say(words) {
      this.message.textContent = words || "";
      this.message.hidden = !words;
    }

    // A series, from its first picture on
    open(series, at = 0) {
      this.stop();
      this.series = series;
      this.at = -1;
      this.frame = null;
      this.home();
      this.slider.hidden = series.places.length < 2;
      this.slider.max = series.places.length;
      return this.show(at);
    }

    // The picture as it comes: the file's window, fitted
    home() {
      this.window = null;
      this.isInverted = false;
      this.fit();
    }

    fit() {
      this.zoom = 0; // fitted
      this.shift = { x: 0, y: 0 };
      this.draw();
    }

    // Show picture number `at` of the series; resolves when it is there, or something else is wanted
    async show(at, isByHand) {
      if (!this.series || !this.series.places.length) return;
      at = near(at, 0, this.series.places.length - 1);
      if (at === this.at) return;
      const before = this.at;
      this.at = at;
      this.slider.value = at + 1;
      const place = this.series.places[at];
      if (isByHand) this.app.follow(this, at);
      let frame = place.image.why ? { why: `${place.image.what}: not shown, ${place.image.why}.` } : EDGE.fetch(place.key, place.form);
      if (frame instanceof Promise) {
        const slow = setTimeout(() => this.at === at && this.say("Loading …"), 300);
        frame = await frame;
        clearTimeout(slow);
        if (this.at !== at || this.series.places[at] !== place) return;
      }
      this.place = place;
      this.frame = frame.why ? null : frame;
      this.say(frame.why);
      this.repaint();
      const step = at < before ? -1 : 1;
      const soon = [1, 2, 3].map((far) => this.series.places[at + far * step]).filter((each) => each && !each.image.why);
      EDGE.expect(soon.map((each) => [each.key, each.form]));
      this.app.changed(this);
    }

    get used() {
      return this.frame && (this.window || EDGE.proposed(this.frame, this.place.view));
    }

    // Shades anew, and on the screen
    repaint() {
      if (this.frame) {
        const { rows, columns } = this.frame.form;
        if (this.source.width !== columns || this.source.height !== rows || !this.pixels) {
          this.source.width = columns;
          this.source.height = rows;
          this.pixels = new ImageData(columns, rows);
        }
        EDGE.paint(this.frame, this.place.view, this.used, this.isInverted, this.pixels);
        this.source.getContext("2d").putImageData(this.pixels, 0, 0);
      }
      this.draw();
    }

    // How pixels of the image lie on the stage, in CSS pixels: {scale, tall, left, top}
    layout() {
      const { rows, columns } = this.frame.form;
      const { view } = this.place;
      const tall = view.spacing ? view.spacing[0] / view.spacing[1] : view.aspect || 1;
      const wide = this.stage.clientWidth, high = this.stage.clientHeight;
      const scale = this.zoom || Math.min(wide / columns, high / (rows * tall));
      return {
        scale,
        tall,
        left: (wide - columns * scale) / 2 + this.shift.x,
        top: (high - rows * scale * tall) / 2 + this.shift.y,
      };
    }

    // From a point of the stage to one of the image, where the first pixel's middle is (0, 0); and back
    inImage(x, y) {
      const { scale, tall, left, top } = this.layout();
      return { x: (x - left) / scale - 0.5, y: (y - top) / (scale * tall) - 0.5 };
    }

    onStage({ x, y }) {
      const { scale, tall, left, top } = this.layout();
      return { x: (x + 0.5) * scale + left, y: (y + 0.5) * scale * tall + top };
    }

    draw() {
      if (this.isDrawing) return;
      this.isDrawing = true;
      requestAnimationFrame(() => {
        this.isDrawing = false;
        this.drawNow();
      });
    }

    drawNow() {
      const dots = window.devicePixelRatio || 1;
      const wide = Math.round(this.stage.clientWidth * dots), high = Math.round(this.stage.clientHeight * dots);
      if (this.canvas.width !== wide || this.canvas.height !== high) {
        this.canvas.width = wide;
        this.canvas.height = high;
      }
      const context = this.canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, wide, high);
      this.describe();
      if (!this.frame || !this.series) return;
      const { scale, tall, left, top } = this.layout();
      context.setTransform(scale * dots, 0, 0, scale * tall * dots, left * dots, top * dots);
      context.imageSmoothingEnabled = scale * dots !== 1;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.source, 0, 0);
      context.setTransform(dots, 0, 0, dots, 0, 0);
      this.drawLengths(context);
      this.drawCross(context);
    }

    // Lengths

    // {value, unit, how} of a length between two points of the image
    measure({ from, to }) {
      const across = to.x - from.x, down = to.y - from.y;
      const { form } = this.frame, { view } = this.place;
      const isIn = (point, region) =>
        point.x >= region[0] - 1 && point.x <= region[2] + 1 && point.y >= region[1] - 1 && point.y <= region[3] + 1;
      const region = (form.regions || []).find((each) => isIn(from, each) && isIn(to, each));
      if (region) return { value: Math.hypot(across * region[4], down * region[5]), unit: "mm", how: "" };
      if (!view.spacing) return { value: Math.hypot(across, down), unit: "pixels", how: "the file gives no spacing" };
      const [rows, columns, where] = view.spacing;
      const how = { detector: "at the detector", nominal: "nominal" }[where] || "";
      return { value: Math.hypot(across * columns, down * rows), unit: "mm", how };
    }

    inWords(length) {
      const { value, unit, how } = this.measure(length);
      return `${value.toFixed(1)} ${unit}${how ? ", " + how : ""}`;
    }

    get ownLengths() {
      const key = this.place.key;
      if (!this.lengths.has(key)) this.lengths.set(key, []);
      return this.lengths.get(key);
    }

    drawLengths(context) {
      const list = [...this.ownLengths, ...(this.open_ ? [this.open_] : [])];
      context.font = "600 13px system-ui, sans-serif";
      context.textBaseline = "middle";
      for (const each of list) {
        const from = this.onStage(each.from), to = this.onStage(each.to);
        for (const [style, width] of [["#000c", 4], ["#ffd34d", 1.5]]) {
          context.strokeStyle = style;
          context.lineWidth = width;
          context.beginPath();
          context.moveTo(from.x, from.y);
          context.lineTo(to.x, to.y);
          for (const end of [from, to]) {
            context.moveTo(end.x + 4, end.y);
            context.arc(end.x, end.y, 4, 0, 7);
          }
          context.stroke();
        }
        const words = this.inWords(each);
        const wide = context.measureText(words).width;
        const x = near(to.x + 10, 4, this.stage.clientWidth - wide - 8), y = near(to.y - 12, 12, this.stage.clientHeight - 12);
        context.fillStyle = "#000c";
        context.fillRect(x - 4, y - 10, wide + 8, 20);
        context.fillStyle = "#ffd34d";
        context.fillText(words, x, y);
      }
    }

    addLength(length) {
      this.ownLengths.push(length);
      this.app.tell("Length " + this.inWords(length));
      this.draw();
    }

    clearLengths() {
      this.lengths.clear();
      this.open_ = this.cross = null;
      this.draw();
    }

    // The cross that the keys move to measure
    drawCross(context) {
      if (!this.cross) return;
      const { x, y } = this.onStage(this.cross);
      context.strokeStyle = "#7fe3ff";
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(x - 12, y);
      context.lineTo(x + 12, y);
      context.moveTo(x, y - 12);
      context.lineTo(x, y + 12);
      context.stroke();
    }

    moveCross(across, down) {
      const { rows, columns } = this.frame.form;
      this.cross = this.cross || { x: Math.round(columns / 2), y: Math.round(rows / 2) };
      this.cross = { x: near(this.cross.x + across, 0, columns - 1), y: near(this.cross.y + down, 0, rows - 1) };
      if (this.open_) this.open_.to = this.cross;
      this.under = this.cross;
      const words = this.open_ ? this.inWords(this.open_) : this.valueAt(this.cross);
      this.app.tell(`${this.cross.x}, ${this.cross.y}: ${words}`);
      this.draw();
    }

    markCross() {
      this.moveCross(0, 0);
      if (!this.open_) {
        this.open_ = { from: this.cross, to: this.cross };
        this.app.tell("First point set");
      } else {
        const length = this.open_;
        this.open_ = null;
        this.addLength(length);
      }
    }

    // Words

    valueAt({ x, y }) {
      const { form } = this.frame;
      const column = Math.round(x), row = Math.round(y);
      if (column < 0 || row < 0 || column >= form.columns || row >= form.rows) return "";
      const at = row * form.columns + column;
      if (form.isColour) return "RGB " + [...EDGE.coloursOf(this.frame).slice(3 * at, 3 * at + 3)].join(" ");
      return short(EDGE.valueAt(this.frame, this.place.view, at)) + (this.place.view.unit ? " " + this.place.view.unit : "");
    }

    valueUnder() {
      const value = this.under && this.valueAt(this.under);
      return value ? `${Math.round(this.under.x)}, ${Math.round(this.under.y)}: ${value}` : "";
    }

    windowInWords() {
      const used = this.used;
      if (!used) return "";
      if (used.function === "LUT") return "table of the file";
      return `W ${short(used.width)}  L ${short(used.center)}` + (used.function === "SIGMOID" ? "  sigmoid" : "");
    }

    describe() {
      const { series, frame } = this;
      if (!series || this.at < 0) {
        this.canvas.setAttribute("aria-label", "No picture");
        return;
      }
      const { study } = series, { patient } = study;
      const place = series.places[this.at];
      const count = `Image ${this.at + 1} of ${series.places.length}`;
      const lines = [
        [patient.patient || "No name", patient.id, [patient.born, patient.sex].filter(Boolean).join("  ")],
        [study.study, [study.date, clock(study.time)].filter(Boolean).join("  "), study.institution],
        [
          [series.modality, series.number && "series " + series.number].filter(Boolean).join(", "),
          series.series,
          count + (place.image.n ? `  (no. ${place.image.n}` + (place.image.frames > 1 ? `, frame ${place.frame}` : "") + ")" : ""),
          place.image.place || "",
        ],
        frame
          ? [
              this.valueUnder(),
              `${Math.round(this.layout().scale * 100)} %`,
              this.windowInWords() + (this.isInverted ? "  inverted" : ""),
            ]
          : [],
      ];
      lines.forEach((texts, corner) => {
        const words = texts.filter(Boolean);
        const old = this.corners[corner];
        if (old.dataset.words === words.join("\n")) return;
        old.dataset.words = words.join("\n");
        old.replaceChildren(...words.map((each) => make("div", { dir: "auto" }, each)));
      });
      const label = [patient.patient, study.study, series.series, count, this.windowInWords()].filter(Boolean).join(", ");
      this.canvas.setAttribute("aria-label", frame ? label + ", not for diagnosis" : count + ", not shown");
    }

    // Film

    get rate() {
      const place = this.series && this.series.places[Math.max(0, this.at)];
      return place && place.image.ms ? near(Math.round(1000 / place.image.ms), 1, 60) : 10;
    }

    get isPlaying() {
      return Boolean(this.film);
    }

    play(rate) {
      this.stop();
      if (!this.series || this.series.places.length < 2) return;
      const film = (this.film = { rate });
      let due = performance.now();
      const turn = async () => {
        if (this.film !== film) return;
        const now = performance.now();
        if (now >= due) {
          due = Math.max(due + 1000 / film.rate, now);
          await this.show((this.at + 1) % this.series.places.length, true);
        }
        requestAnimationFrame(turn);
      };
      requestAnimationFrame(turn);
      this.app.changed(this);
    }

    stop() {
      const was = this.film;
      this.film = null;
      if (was) this.app.changed(this);
    }

    // What a hand does

    setWindow(center, width) {
      const used = this.used;
      if (!used) return;
      const isWhole = !this.frame.form.float;
      const how = used.function === "LUT" ? "LINEAR" : used.function;
      const least = how === "LINEAR" ? 1 : isWhole ? 1 : 1e-6;
      this.window = { center, width: Math.max(least, width), function: how };
      this.repaint();
      this.app.changed(this);
    }

    // The window in numbers, where a table has none: all its values
    get span() {
      const used = this.used;
      return used.function === "LUT" ? EDGE.widest(this.frame, this.place.view) : used;
    }

    zoomBy(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
      if (!this.frame) return;
      const held = this.inImage(x, y);
      this.zoom = near(this.layout().scale * factor, 0.05, 40);
      const now = this.onStage(held);
      this.shift.x += x - now.x;
      this.shift.y += y - now.y;
      this.draw();
    }

    moveBy(x, y) {
      this.zoom = this.zoom || (this.frame ? this.layout().scale : 0);
      this.shift.x += x;
      this.shift.y += y;
      this.draw();
    }

    listen() {
      const held = new Map(); // pointers that are down: id -> {x, y}
      const { stage } = this;
      let tool = null, rest = 0;
      const at = (event) => {
        const box = stage.getBoundingClientRect();
        return { x: event.clientX - box.left, y: event.clientY - box.top };
      };
      stage.addEventListener("contextmenu", (event) => event.preventDefault());
      stage.addEventListener("pointerdown", (event) => {
        stage.focus({ preventScroll: true });
        if (!this.frame && event.pointerType !== "touch") return;
        stage.setPointerCapture(event.pointerId);
        held.set(event.pointerId, at(event));
        rest = 0;
        tool = event.button === 1 ? "pan" : event.button === 2 ? "zoom" : this.app.tool;
        if (held.size === 1 && tool === "length" && this.frame) {
          const point = this.inImage(at(event).x, at(event).y);
          this.open_ = { from: point, to: point };
        }
        if (held.size > 1) this.open_ = null;
        if (event.button === 1) event.preventDefault();
      });
      stage.addEventListener("pointermove", (event) => {
        const now = at(event), was = held.get(event.pointerId);
        if (!was) {
          if (event.pointerType === "mouse" && this.frame) {
            this.under = this.inImage(now.x, now.y);
            this.describe();
          }
          return;
        }
        held.set(event.pointerId, now);
        if (held.size === 2) {
          const other = [...held].find(([id]) => id !== event.pointerId)[1];
          const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
          this.zoomBy(apart(now) / apart(was), (now.x + other.x) / 2, (now.y + other.y) / 2);
          this.moveBy((now.x - was.x) / 2, (now.y - was.y) / 2);
        } else if (held.size === 1) {
          rest = this.drag(tool, now, now.x - was.x, now.y - was.y, rest);
        }
      });
      const up = (event) => {
        held.delete(event.pointerId);
        const length = this.open_;
        if (tool === "length" && length && this.frame) {
          this.open_ = null;
          const from = this.onStage(length.from), to = this.onStage(length.to);
          if (event.type === "pointerup" && Math.hypot(from.x - to.x, from.y - to.y) > 3) this.addLength(length);
          this.draw();
        }
      };
      stage.addEventListener("pointerup", up);
      stage.addEventListener("pointercancel", up);
      stage.addEventListener("pointerleave", () => {
        this.under = null;
        this.describe();
      });
      let turned = 0;
      stage.addEventListener("wheel", (event) => {
        event.preventDefault();
        const { x, y } = at(event);
        if (event.ctrlKey) return this.zoomBy(Math.exp(-near(event.deltaY, -100, 100) / 300), x, y);
        turned += event.deltaMode ? event.deltaY * 40 : event.deltaY;
        const steps = Math.trunc(turned / 40);
        if (steps) {
          turned = Math.abs(event.deltaY) >= 40 ? 0 : turned - 40 * steps;
          this.step(Math.abs(event.deltaY) >= 40 ? Math.sign(steps) : steps);
        }
      }, { passive: false });
      stage.addEventListener("keydown", (event) => this.app.key(this, event));
    }

    step(count) {
      return this.show(this.at + count, true);
    }

    // One move of a drag; returns what is left of it for the next
    drag(tool, now, across, down, rest) {
      if (tool === "scroll") {
        const apart = near(this.stage.clientHeight / Math.max(1, this.series.places.length), 4, 24);
        const steps = Math.trunc((rest + down) / apart);
        if (steps) this.step(steps);
        return rest + down - steps * apart;
      }
      if (!this.frame) return 0;
      if (tool === "pan") this.moveBy(across, down);
      if (tool === "zoom") this.zoomBy(Math.exp(-down / 150));
      if (tool === "window") {
        const { center, width } = this.span;
        const range = Math.max(width, this.frame.form.float ? 1e-6 : 16) / 250;
        this.setWindow(center + down * range, width + across * range);
      }
      if (tool === "length" && this.open_) {
        this.open_ = { ...this.open_, to: this.inImage(now.x, now.y) };
        this.draw();
      }
      return 0;
    }
  }

  const clock = (value) => (value.length >= 4 ? value.slice(0, 2) + ":" + value.slice(2, 4) : value);

  Object.assign(EDGE, { Pane, make, near });
})();

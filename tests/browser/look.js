// Drives Chromium through a volume that lies in a folder, from file://, and says as JSON what it saw.
// node look.js < task.json; the task has: folder, chromium, shots (a folder, or null). Judged by test_volume.py.
"use strict";
const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const task = JSON.parse(fs.readFileSync(0, "utf8"));
const seen = { elsewhere: [], complaints: [], steps: {}, took: {} };
const WIDE = { width: 1280, height: 800 }, NARROW = { width: 360, height: 740 };
const at = (name) => "file://" + path.join(task.folder, name);

const main = async () => {
  const browser = await chromium.launch({
    executablePath: task.chromium,
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
  try {
    const context = await browser.newContext({ viewport: WIDE, hasTouch: true });
    context.setDefaultTimeout(15000);
    const page = await context.newPage();
    page.on("request", (request) => {
      if (!request.url().startsWith("file://" + task.folder)) seen.elsewhere.push(request.url());
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) seen.complaints.push(message.text());
    });
    page.on("pageerror", (error) => seen.complaints.push(error.message));
    page.on("dialog", (dialog) => {
      seen.complaints.push("dialog: " + dialog.message());
      dialog.dismiss();
    });
    for (const [name, step] of Object.entries(STEPS)) {
      const began = Date.now();
      try {
        seen.steps[name] = (await step(page)) ?? true;
      } catch (error) {
        seen.steps[name] = { failed: String(error.message).split("\n").slice(0, 6).join("\n") };
      }
      seen.took[name] = Date.now() - began;
    }
  } finally {
    await browser.close();
  }
};

const shoot = async (page, name) => {
  if (task.shots) await page.screenshot({ path: path.join(task.shots, name + ".png") });
};

const faults = async (page) => {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"], preload: false }));
  return found.violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => each.id + ": " + each.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | "));
};

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const series = (page, number) => page.locator("#tree li button").nth(number);
const until = (page, condition, given) => page.waitForFunction(condition, given, { timeout: 15000 });
const choose = async (page, number) => {
  await series(page, number).click();
  await until(page, (key) => {
    const pane = EDGE.app.active();
    return pane.series && pane.series.key === key && (pane.frame || pane.series.places[0].image.why);
  }, "S" + String(number + 1).padStart(6, "0"));
};
const state = (page) => page.evaluate(() => {
  const { at, series, frame } = EDGE.app.active();
  return { at, key: series.key, scale: frame && EDGE.app.active().layout().scale, used: frame && EDGE.app.active().used };
});
const tool = (page, name) => page.getByRole("radio", { name, exact: true }).check();
const drag = async (page, from, to) => {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2);
  await page.mouse.move(to.x, to.y);
  await page.mouse.up();
};
// Where points of the image lie in the window of the browser
const places = (page, points) => page.evaluate((points) => {
  const pane = EDGE.app.active(), box = pane.stage.getBoundingClientRect();
  return points.map((point) => {
    const { x, y } = pane.onStage(point);
    return { x: x + box.left, y: y + box.top };
  });
}, points);

const STEPS = {
  open: async (page) => {
    await page.goto(at("VIEWER/VIEWER.HTM"), { waitUntil: "load" });
    await until(page, () => EDGE.panes[0] && EDGE.panes[0].frame);
    await shoot(page, "viewer-ct");
    return {
      tree: await page.locator("#tree").innerText(),
      corners: await page.locator(".corner").allInnerTexts(),
      warnings: await page.getByText("Not for diagnosis", { exact: true }).evaluateAll((all) => all.filter((one) => one.checkVisibility()).length),
      faults: await faults(page),
      direction: await page.locator("#tree h2").evaluateAll((all) => all.map((one) => [one.textContent, getComputedStyle(one).direction])),
    };
  },

  // What every picture measures, and the shades that it is given
  values: async (page) => {
    const found = [];
    for (let number = 0; number < (await page.locator("#tree li button").count()); number++) {
      await choose(page, number);
      const count = await page.evaluate(() => EDGE.app.active().series.places.length);
      for (const which of new Set([0, count - 1])) {
        await page.evaluate((which) => EDGE.app.active().show(which), which);
        found.push(await page.evaluate(() => {
          const pane = EDGE.app.active(), { frame, place } = pane;
          const base = { key: pane.series.key, at: pane.at, number: place.image.n, frame: place.frame, said: pane.message.textContent };
          if (!frame || frame.form.rows * frame.form.columns > 1 << 19) return base;
          const packed = (array) => {
            let text = "";
            for (const each of new Uint8Array(array.buffer, array.byteOffset, array.byteLength)) text += String.fromCharCode(each);
            return btoa(text);
          };
          const { rows, columns, isColour } = frame.form;
          const values = isColour ? EDGE.coloursOf(frame) : new Float64Array(rows * columns).map((_, at) => EDGE.valueAt(frame, place.view, at));
          return { ...base, rows, columns, isColour, used: pane.used, values: packed(values), shades: packed(pane.pixels.data) };
        }));
      }
    }
    return found;
  },

  // Pixels as the screen has them, one for one
  screen: async (page) => {
    await choose(page, 0);
    await page.getByRole("button", { name: "1:1" }).click();
    await page.getByRole("button", { name: "Series", exact: true }).focus();
    await page.evaluate(() => document.querySelectorAll(".corner").forEach((each) => (each.style.visibility = "hidden")));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const [corner] = await places(page, [{ x: -0.5, y: -0.5 }]);
    const { rows, columns } = await page.evaluate(() => EDGE.app.active().frame.form);
    const clip = { x: Math.round(corner.x), y: Math.round(corner.y), width: columns, height: rows };
    const png = await page.screenshot({ clip });
    await page.evaluate(() => document.querySelectorAll(".corner").forEach((each) => (each.style.visibility = "")));
    return { png: png.toString("base64"), exact: [corner.x % 1, corner.y % 1] };
  },

  stack: async (page) => {
    await page.evaluate(() => (EDGE.limits.room = 1 << 20)); // for eight of the twelve
    await choose(page, 0);
    const found = {};
    const stage = page.locator(".stage").first();
    await stage.hover();
    await page.mouse.wheel(0, 100);
    await until(page, () => EDGE.app.active().at === 1);
    await page.mouse.wheel(0, 100);
    await until(page, () => EDGE.app.active().at === 2);
    await stage.focus();
    await page.keyboard.press("ArrowUp");
    await until(page, () => EDGE.app.active().at === 1);
    await page.keyboard.press("End");
    await until(page, () => EDGE.app.active().at === EDGE.app.active().series.places.length - 1 && EDGE.app.active().place.key.endsWith(EDGE.app.active().at + 1));
    found.end = await state(page);
    found.said = await page.locator("#said").innerText();
    await page.keyboard.press("Home");
    await tool(page, "Scroll");
    const box = await stage.boundingBox();
    await drag(page, { x: box.x + 200, y: box.y + 100 }, { x: box.x + 200, y: box.y + 300 });
    found.dragged = await state(page);
    await page.evaluate(async () => {
      const pane = EDGE.app.active();
      for (let each = 0; each < pane.series.places.length; each++) await pane.show(each);
    });
    found.holding = await page.evaluate(() => EDGE.holding());
    await page.evaluate(() => (EDGE.limits.room = 96 << 20));
    return found;
  },

  window: async (page) => {
    await choose(page, 0);
    const found = { before: (await state(page)).used };
    await tool(page, "Window");
    const box = await page.locator(".stage").first().boundingBox();
    await drag(page, { x: box.x + 200, y: box.y + 100 }, { x: box.x + 260, y: box.y + 130 });
    found.dragged = (await state(page)).used;
    await page.selectOption("#window", { label: "Lung" });
    found.lung = (await state(page)).used;
    await until(page, () => document.querySelector(".corner.se").innerText.includes("W 1500")).catch(() => {});
    found.shown = await page.locator(".corner.se").first().innerText();
    await page.locator(".stage").first().focus();
    await page.keyboard.press("w");
    found.wider = (await state(page)).used;
    await page.keyboard.press("r");
    found.reset = (await state(page)).used;
    return found;
  },

  zoom: async (page) => {
    await choose(page, 0);
    const found = { before: (await state(page)).scale };
    await page.locator(".stage").first().focus();
    await page.keyboard.press("+");
    found.larger = (await state(page)).scale;
    const [was] = await places(page, [{ x: 10, y: 10 }]);
    await tool(page, "Move");
    await drag(page, { x: 600, y: 400 }, { x: 650, y: 420 });
    const [now] = await places(page, [{ x: 10, y: 10 }]);
    found.moved = [now.x - was.x, now.y - was.y];
    await page.keyboard.press("0");
    found.fitted = (await state(page)).scale;
    return found;
  },

  // Ends of lengths are points of the image that the test knows
  measure: async (page) => {
    const found = {};
    await tool(page, "Length");
    for (const [name, { series: number, from, to }] of Object.entries(task.lengths)) {
      await choose(page, number);
      const [first, second] = await places(page, [from, to]);
      await drag(page, first, second);
      found[name] = await page.locator("#said").innerText();
      if (name === "ct") await shoot(page, "viewer-length");
    }
    await choose(page, 0);
    await page.locator(".stage").first().focus();
    for (const key of ["ArrowRight", "Enter", ...Array(20).fill("ArrowRight"), "Enter"]) await page.keyboard.press(key);
    found.keys = await page.locator("#said").innerText();
    await page.getByRole("button", { name: "Clear lengths" }).click();
    found.left = await page.evaluate(() => EDGE.app.active().ownLengths.length);
    await tool(page, "Window");
    return found;
  },

  film: async (page) => {
    await choose(page, task.film);
    const found = { rate: await page.inputValue("#rate") };
    await page.getByRole("button", { name: "Play" }).click();
    await until(page, () => {
      const pane = EDGE.app.active();
      const past = (window.past = window.past || new Set());
      past.add(pane.at);
      return past.size >= 5;
    });
    await shoot(page, "viewer-us");
    await page.getByRole("button", { name: "Stop" }).click();
    found.stopped = await page.evaluate(() => EDGE.app.active().isPlaying);
    return found;
  },

  beside: async (page) => {
    await choose(page, 0);
    await page.selectOption("#layout", "4");
    await until(page, () => EDGE.panes.length === 4 && EDGE.panes.every((pane) => pane.frame));
    await page.check("#linked");
    await page.locator(".stage").first().focus();
    await page.keyboard.press("End");
    await until(page, () => EDGE.panes.every((pane) => pane.at === pane.series.places.length - 1));
    const found = { keys: await page.evaluate(() => EDGE.panes.map((pane) => pane.series.key)) };
    await page.evaluate(() => Promise.all(EDGE.panes.map((pane) => pane.show(Math.floor(pane.series.places.length / 2)))));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await shoot(page, "viewer-beside");
    found.faults = await faults(page);
    await page.uncheck("#linked");
    await page.selectOption("#layout", "1");
    return found;
  },

  touch: async (page) => {
    await choose(page, 0);
    const before = (await state(page)).scale;
    await page.evaluate(() => {
      const { stage } = EDGE.app.active(), box = stage.getBoundingClientRect();
      stage.setPointerCapture = () => {};
      const send = (type, pointerId, x) =>
        stage.dispatchEvent(new PointerEvent(type, { pointerId, pointerType: "touch", isPrimary: pointerId === 1, clientX: box.left + x, clientY: box.top + 200, bubbles: true }));
      send("pointerdown", 1, 200);
      send("pointerdown", 2, 300);
      send("pointermove", 2, 400);
      send("pointerup", 1, 200);
      send("pointerup", 2, 400);
      delete stage.setPointerCapture;
    });
    const found = { grown: (await state(page)).scale / before };
    await page.getByRole("button", { name: "Fit" }).click();
    return found;
  },

  keyboard: async (page) => {
    const expected = await page.evaluate(() => {
      const able = "a[href],button,input,select,[tabindex='0']";
      const all = [...document.querySelectorAll(able)].filter((each) => each.checkVisibility() && !each.disabled);
      const radios = all.filter((each) => each.type === "radio").length;
      window.reached = new Set();
      addEventListener("focusin", ({ target }) => window.reached.add(target));
      document.activeElement.blur();
      return all.length - Math.max(0, radios - 1);
    });
    for (let times = 0; times < expected + 1; times++) await page.keyboard.press("Tab");
    return { expected, reached: await page.evaluate(() => [...window.reached].filter((each) => each !== document.body).length) };
  },

  phone: async (page) => {
    await page.setViewportSize(NARROW);
    await page.goto(at("VIEWER/VIEWER.HTM"), { waitUntil: "load" });
    await until(page, () => EDGE.panes[0] && EDGE.panes[0].frame);
    const found = { overflow: await overflow(page), faults: await faults(page) };
    await shoot(page, "viewer-phone");
    await page.getByRole("button", { name: "Series", exact: true }).click();
    await series(page, task.film).click();
    await until(page, (key) => EDGE.app.active().frame && EDGE.app.active().series.key === key, "S" + String(task.film + 1).padStart(6, "0"));
    found.tree = await page.locator("#tree").isVisible();
    await page.setViewportSize(WIDE);
    return found;
  },

  // Every page of the volume, as one comes to it by its links
  pages: async (page) => {
    const found = {}, ahead = [at("INDEX.HTM")], known = new Set(ahead);
    while (ahead.length && !ahead[0].includes("VIEWER")) {
      const where = ahead.shift();
      await page.goto(where, { waitUntil: "load" });
      const links = await page.evaluate(() => [...document.querySelectorAll("a[href]")].map((each) => each.href));
      for (const link of links) {
        if (/\.HTM$/.test(link) && !known.has(link) && !link.includes("/VIEWER/")) {
          known.add(link);
          ahead.push(link);
        }
      }
      const name = where.slice(at("").length).replace(/^\//, "");
      const one = (found[name] = { said: await page.locator("body").innerText(), links: links.length });
      one.broken = await page.evaluate(() => [...document.images].filter((each) => !each.naturalWidth).map((each) => each.src));
      one.images = await page.evaluate(() => document.images.length);
      one.direction = await page.evaluate(() => [...document.querySelectorAll("[dir=rtl]")].map((each) => each.textContent));
      if (Object.keys(found).length <= 4) {
        one.faults = await faults(page);
        await shoot(page, "page-" + Object.keys(found).length);
        await page.setViewportSize(NARROW);
        one.overflow = await overflow(page);
        await shoot(page, "page-" + Object.keys(found).length + "-phone");
        await page.setViewportSize(WIDE);
      }
    }
    return found;
  },
};
if (!fs.existsSync(path.join(task.folder, "INDEX.HTM"))) delete STEPS.pages;

main()
  .catch((error) => (seen.failed = String(error.stack || error)))
  .finally(() => process.stdout.write(JSON.stringify(seen)));

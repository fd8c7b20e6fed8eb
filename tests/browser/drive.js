// Drives Chromium through the console, the whole way a person goes, and says as JSON what it saw.
// node drive.js < task.json; the task has: url, code, name, password, paths, send and stranger (commands), down and up
// (names of destinations), added (its host and port), moved (a port that is free), downloads (a folder), frames (an
// object that has some), shots (a folder, or null). What is judged is judged by test_browser.py.
"use strict";
const fs = require("fs");
const path = require("path");
const { spawnSync } = require("child_process");
const { chromium } = require("playwright-core");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const task = JSON.parse(fs.readFileSync(0, "utf8"));
const seen = { pages: {}, elsewhere: [], complaints: [], steps: {}, bytes: {}, began: Date.now(), took: {} };
const WIDE = { width: 1280, height: 860 }, NARROW = { width: 360, height: 740 };

const main = async () => {
  const browser = await chromium.launch({
    executablePath: task.chromium,
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
  try {
    const context = await open(browser, true);
    const page = await context.newPage();
    watch(page);
    for (const [name, step] of Object.entries(STEPS)) await timed(name, () => step(page, context, browser));
  } finally {
    await browser.close();
  }
};

const open = async (browser, javaScriptEnabled, state) => {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    javaScriptEnabled,
    viewport: WIDE,
    storageState: state,
    acceptDownloads: true,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(15000);
  return context;
};

// While the console moves, nobody listens where it was: an icon that is asked for there just then is refused
let moving = false;
const timed = async (name, step) => {
  const began = Date.now();
  moving = ["move", "unconfirmed"].includes(name);
  try {
    seen.steps[name] = (await step()) ?? true;
  } catch (error) {
    seen.steps[name] = { failed: String(error.message).split("\n").slice(0, 6).join("\n") };
  }
  seen.took[name] = Date.now() - began;
  process.stderr.write(name + " " + seen.took[name] + " " + JSON.stringify(seen.steps[name].failed || "") + "\n");
};

// Everything that is asked for, and everything that the browser complains about
const watch = (page) => {
  const home = [new URL(task.url).host, "127.0.0.1:" + task.moved];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:", "about:"].includes(url.protocol) && !home.includes(url.host)) seen.elsewhere.push(request.url());
  });
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (/the server responded with a status of (400|401|403|409)/.test(message.text())) return;
    if (moving && /net::ERR_CONNECTION_REFUSED/.test(message.text())) return;
    seen.complaints.push(page.url() + ": " + message.text());
  });
  page.on("pageerror", (error) => seen.complaints.push(page.url() + ": " + error.message));
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith("/live/") || response.status() !== 200) return;
    const body = await response.body().catch(() => Buffer.alloc(0));
    const key = pathname.startsWith("/static/") ? pathname : "page " + pathname;
    seen.bytes[key] = Math.max(seen.bytes[key] || 0, body.length);
  });
};

const send = ([command, ...args]) => spawnSync(command, args, { encoding: "utf8" }).status;
const fetchStatus = (context, url) => context.request.get(url).then((answer) => answer.status(), () => null);
const go = (page, where) => page.goto(task.url + where, { waitUntil: "load" });
const text = (page) => page.locator("main").innerText();

const login = async (page) => {
  await page.fill("input[name=name]", task.name);
  await page.fill("input[name=password]", task.password);
  await page.click("main button");
  await page.waitForSelector("#menu", { state: "attached" });
};

const shoot = async (page, where, how) => {
  if (!task.shots) return;
  const name = (where.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "home") + "-" + how + ".png";
  await page.screenshot({ path: path.join(task.shots, name), fullPage: true });
};

// What axe finds, told in a line each; only what is serious or critical
const faults = async (page) => {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => each.id + ": " + each.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | "));
};

// Everything that can be used is reached with the tab key, in turn, and is seen to have the focus
const keyboard = async (page) => {
  const { expected, dates } = await page.evaluate(() => {
    const able = "a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex='0']";
    const all = () =>
      [...document.querySelectorAll(able)].filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled);
    const seen = (window.reached = { at: new Set(), unseen: [] });
    addEventListener("focusin", ({ target }) => {
      const look = getComputedStyle(target);
      seen.at.add(all().indexOf(target));
      if (look.outlineStyle === "none" || parseFloat(look.outlineWidth) < 2) seen.unseen.push(target.outerHTML.slice(0, 100));
    });
    document.activeElement.blur();
    return { expected: all().length, dates: document.querySelectorAll("input[type=date]").length };
  });
  // A date has a stop for its day, month, year and calendar each
  for (let times = 0; times < expected + 3 * dates; times++) await page.keyboard.press("Tab");
  const { at, unseen } = await page.evaluate(() => ({ at: [...window.reached.at], unseen: window.reached.unseen }));
  return { expected, reached: at.filter((each) => each >= 0).length, unseen };
};

const inspect = async (page, where) => {
  const found = (seen.pages[where] = {});
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light" });
  const answer = await go(page, where);
  found.status = answer.status();
  found.title = await page.title();
  await shoot(page, where, "1280-light");
  await page.emulateMedia({ colorScheme: "dark" });
  found.faults = await faults(page);
  await shoot(page, where, "1280-dark");
  found.overflow_wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.setViewportSize(NARROW);
  found.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await shoot(page, where, "360-dark");
  await page.emulateMedia({ colorScheme: "light" });
  found.faults.push(...(await faults(page)));
  await shoot(page, where, "360-light");
  await page.setViewportSize(WIDE);
  found.keyboard = await keyboard(page);
};

const STEPS = {
  // The first run: everything refuses, and says how; then the code, the first user, out and in again
  unclaimed: async (page) => {
    const answer = await go(page, "/queue");
    const found = { status: answer.status(), said: await text(page), faults: await faults(page) };
    await shoot(page, "unclaimed", "1280-light");
    await page.setViewportSize(NARROW);
    await shoot(page, "unclaimed", "360-light");
    found.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.setViewportSize(WIDE);
    return found;
  },
  claim: async (page) => {
    await go(page, "/claim");
    await page.fill("input[name=code]", task.code);
    await page.fill("input[name=name]", task.name);
    for (const each of await page.locator("input[type=password]").all()) await each.fill(task.password);
    const faulty = await faults(page);
    await page.click("main button");
    await page.waitForLoadState("load");
    return { said: await page.locator("body").innerText(), faults: faulty };
  },
  leave: async (page) => {
    await go(page, "/");
    if (await page.locator("input[name=password]").count()) await login(page);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForLoadState("load");
    const answer = await go(page, "/queue");
    return { status: answer.status(), url: page.url(), said: await page.locator("main").innerText() };
  },
  wrong: async (page) => {
    await go(page, "/login");
    await page.fill("input[name=name]", task.name);
    await page.fill("input[name=password]", "not the password");
    await page.click("main button");
    const said = await page.locator("main").innerText();
    await shoot(page, "login", "1280-light");
    await page.setViewportSize(NARROW);
    await shoot(page, "login", "360-light");
    await page.setViewportSize(WIDE);
    return { said, faults: await faults(page) };
  },
  enter: async (page) => {
    await go(page, "/login");
    await login(page);
    return { said: await text(page) };
  },

  // Live: what a modality sends is on the page that is open, without anybody doing anything
  live: async (page) => {
    await go(page, "/");
    await page.waitForFunction(() => document.getElementById("live").textContent === "live", null, { timeout: 15000 });
    const before = await page.locator("#way .mid").innerText();
    const sent = spawnSync(task.send[0], task.send.slice(1), { encoding: "utf8" });
    const began = Date.now();
    await page.waitForFunction((was) => document.querySelector("#way .mid").innerText !== was, before, { timeout: 15000 });
    return { sent: sent.status, ms: Date.now() - began, before, after: await page.locator("#way .mid").innerText() };
  },

  test_destination: async (page) => {
    const found = {};
    for (const name of [task.up, task.down]) {
      await go(page, "/destinations");
      await page.getByRole("button", { name: "Test " + name }).click();
      await page.waitForSelector(".verdict", { timeout: 15000 });
      found[name] = await text(page);
      await shoot(page, "test-" + name, "1280-light");
      await page.setViewportSize(NARROW);
      await shoot(page, "test-" + name, "360-light");
      found.overflow = Math.max(found.overflow || 0, await page.evaluate(() => document.documentElement.scrollWidth - innerWidth));
      await page.setViewportSize(WIDE);
    }
    return found;
  },

  release: async (page) => {
    await go(page, "/queue");
    await page.locator("#kinds button, #held button").first().click();
    return { said: await page.locator(".flash").first().innerText() };
  },

  // What is wrong is said while it is typed, and is gone when it is mended
  check: async (page) => {
    await go(page, "/settings/edit?section=dicom");
    const port = page.locator("[data-key=max_associations]");
    if (!(await port.isVisible())) await page.locator("summary").first().click();
    await port.fill("twelve");
    const place = page.locator("[id='" + (await port.getAttribute("id")) + "-wrong']");
    await page.waitForFunction((id) => document.getElementById(id).textContent, await place.getAttribute("id"), { timeout: 15000 });
    const wrong = await place.innerText();
    await shoot(page, "settings-wrong", "1280-light");
    await port.fill("12");
    await page.waitForFunction((id) => !document.getElementById(id).textContent, await place.getAttribute("id"), { timeout: 15000 });
    return { wrong };
  },
  apply: async (page) => {
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForURL("**/settings/trial", { timeout: 15000 });
    const said = await text(page);
    const left = Number((await page.locator("[data-left]").innerText()).split(" ")[0]);
    await page.waitForFunction((was) => parseInt(document.querySelector("[data-left]").textContent) < was, left, { timeout: 15000 });
    const found = { said, faults: await faults(page) };
    await shoot(page, "trial", "1280-light");
    await page.setViewportSize(NARROW);
    await shoot(page, "trial", "360-light");
    found.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.setViewportSize(WIDE);
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.waitForLoadState("load");
    found.after = await text(page);
    return found;
  },

  // A modality that was refused is accepted where it is seen to have been, and can send
  accept: async (page) => {
    await go(page, "/associations");
    const found = { before: send(task.stranger) };
    await page.getByRole("button", { name: /^Accept STRANGER/ }).first().click();
    await page.waitForURL("**/settings/trial");
    found.trial = await text(page);
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.waitForLoadState("load");
    return { ...found, said: await text(page), after: send(task.stranger) };
  },

  add_destination: async (page) => {
    await go(page, "/destinations");
    await page.getByRole("link", { name: "DICOM (C-STORE)" }).click();
    const found = { empty: await faults(page) };
    for (const [key, value] of Object.entries(task.added)) {
      if (!(await page.locator(`[data-key=${key}]`).isVisible())) await page.locator("summary").first().click();
      await page.fill(`[data-key=${key}]`, value);
    }
    await shoot(page, "destination-added", "1280-light");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForURL("**/settings/trial");
    found.trial = await text(page);
    await page.getByRole("button", { name: "Keep it" }).click();
    await go(page, "/destinations");
    await page.getByRole("button", { name: "Test " + task.added.name }).click();
    await page.waitForSelector(".verdict");
    return { ...found, tested: await text(page) };
  },

  // What is taken away arrives under a name of its own
  download: async (page) => {
    const found = {};
    const take = async (key, label) => {
      const coming = page.waitForEvent("download");
      await page.getByRole("link", { name: label, exact: true }).first().click();
      const file = await coming;
      found[key] = path.join(task.downloads, file.suggestedFilename());
      await file.saveAs(found[key]);
    };
    await go(page, "/studies");
    await page.getByRole("link", { name: "CompressedSamples, CT1" }).click();
    await take("study", "Download as ZIP");
    await take("series", "ZIP");
    await page.locator(".thumbs a").first().click();
    await take("object", "Download as DICOM file");
    return found;
  },

  // A picture follows the mouse: across for the width, down for the center, the wheel for the frame
  picture: async (page) => {
    const shown = () =>
      page.evaluate(async () => {
        const picture = document.getElementById("picture");
        await picture.decode();
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
        const pen = canvas.getContext("2d");
        pen.drawImage(picture, 0, 0);
        const octets = pen.getImageData(0, 0, canvas.width, canvas.height).data;
        let sum = 0;
        for (let at = 0; at < octets.length; at += 4) sum += octets[at];
        const field = (name) => document.querySelector(`form.search [name=${name}]`)?.value;
        return {
          mean: (4 * sum) / octets.length,
          said: document.querySelector("figcaption").textContent,
          ...Object.fromEntries(["frame", "center", "width"].map((name) => [name, field(name)])),
        };
      });
    const settled = (args) =>
      page.waitForFunction((args) => {
        const { searchParams } = new URL(document.getElementById("picture").src);
        return document.getElementById("picture").complete && Object.entries(args).every(([key, value]) => searchParams.get(key) === value);
      }, args);
    await go(page, "/picture?object=" + task.frames);
    const found = { before: await shown() };
    const at = await page.locator("#picture").boundingBox();
    const [x, y] = [at.x + at.width / 2, at.y + at.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 10, y + 20, { steps: 4 });
    await page.mouse.move(x - 40, y + 60, { steps: 8 });
    await page.mouse.up();
    const field = (name) => page.inputValue(`form.search [name=${name}]`);
    await settled({ center: await field("center"), width: await field("width") });
    found.dragged = await shown();
    await page.mouse.move(x, y);
    for (let times = 0; times < 3; times++) await page.mouse.wheel(0, 100);
    await settled({ frame: "4", center: found.dragged.center });
    found.wheeled = await shown();
    await shoot(page, "picture-dragged", "1280-light");
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForLoadState("load");
    found.asked = await shown();
    await page.getByRole("link", { name: "Next" }).click();
    await page.waitForLoadState("load");
    found.next = await shown();
    return found;
  },

  // The console moves to another port: the browser is led there, and stays logged in; put back, it is led back
  move: async (page) => {
    const old = new URL(task.url).port;
    const port = () => new URL(page.url()).port;
    await go(page, "/settings/edit?section=console");
    if (!(await page.locator("[data-key=port]").isVisible())) await page.locator("summary").first().click();
    await page.fill("[data-key=port]", task.moved);
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForSelector("h1");
    const found = { led: { said: await text(page), faults: await faults(page) } };
    await shoot(page, "moves", "1280-light");
    await page.waitForURL("**:" + task.moved + "/settings/trial");
    found.trial = await text(page);
    await page.goto("https://127.0.0.1:" + task.moved + "/", { waitUntil: "load" });
    found.elsewhere = await text(page);
    await page.getByRole("link", { name: "Keep it or put it back" }).click();
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.waitForLoadState("load");
    found.kept = { port: port(), said: await text(page) };
    found.gone = await fetchStatus(page.context(), task.url + "/login");
    await page.goto("https://127.0.0.1:" + task.moved + "/settings/history", { waitUntil: "load" });
    await page.locator("button", { hasText: "Restore" }).nth(1).click();
    await page.waitForURL("**:" + old + "/settings/trial");
    await page.getByRole("button", { name: "Put it back" }).click();
    await page.waitForURL("**:" + task.moved + "/settings");
    await page.goto("https://127.0.0.1:" + task.moved + "/settings/history", { waitUntil: "load" });
    await page.locator("tr", { hasText: "in use" }).locator("xpath=following-sibling::tr").last().getByRole("button", { name: /Restore/ }).click();
    await page.waitForURL("**:" + old + "/settings/trial");
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.waitForLoadState("load");
    return { ...found, back: port() };
  },

  // Nobody confirms: the page that counts down goes to where the console is again, by itself
  unconfirmed: async (page) => {
    await go(page, "/settings");
    const edits = [{ section: "console", key: "port", value: Number(task.moved) }];
    const asked = await page.evaluate(async (edits) => {
      const headers = { "Content-Type": "application/json", "X-CSRF-Token": document.body.dataset.csrf };
      return (await fetch("/api/v1/change", { method: "POST", headers, body: JSON.stringify({ edits, within_s: 10 }) })).status;
    }, edits);
    await page.goto("https://127.0.0.1:" + task.moved + "/settings/trial", { waitUntil: "load" });
    const said = await text(page);
    await page.waitForURL("**:" + new URL(task.url).port + "/settings/history", { timeout: 20000 });
    return { asked, said, after: await text(page) };
  },

  menu: async (page, context, browser) => {
    const bare = await open(browser, false, await context.storageState());
    const plain = await bare.newPage();
    await plain.setViewportSize(NARROW);
    await go(plain, "/");
    const links = plain.locator("#menu a");
    const found = { before: await links.first().isVisible() };
    await plain.getByRole("button", { name: "Menu" }).click();
    found.after = await links.first().isVisible();
    if (task.shots) await plain.screenshot({ path: path.join(task.shots, "menu-360-light.png") });
    await links.filter({ hasText: "Queue" }).click();
    found.title = await plain.title();
    await bare.close();
    return found;
  },

  // The same with the script switched off: the pages are whole, and what they are for is done
  without_script: async (page, context, browser) => {
    const bare = await open(browser, false, await context.storageState());
    const plain = await bare.newPage();
    watch(plain);
    const found = { pages: {} };
    for (const where of task.paths) {
      const answer = await go(plain, where);
      found.pages[where] = { status: answer.status(), length: (await text(plain)).length };
    }
    await go(plain, "/destinations");
    await plain.getByRole("button", { name: "Test " + task.up }).click();
    await plain.waitForSelector(".verdict");
    found.tested = await text(plain);
    await go(plain, "/settings/edit?section=dicom");
    if (!(await plain.locator("[data-key=max_associations]").isVisible())) await plain.locator("summary").first().click();
    await plain.fill("[data-key=max_associations]", "many");
    await plain.getByRole("button", { name: "Apply" }).click();
    found.refused = { said: await text(plain), kept: await plain.inputValue("[data-key=max_associations]") };
    await plain.fill("[data-key=max_associations]", "13");
    await plain.getByRole("button", { name: "Apply" }).click();
    found.trial = await text(plain);
    await plain.getByRole("button", { name: "Put it back" }).click();
    found.back = await text(plain);
    await bare.close();
    return found;
  },

  pages: async (page) => {
    for (const where of task.paths) await inspect(page, where);
  },
};

main()
  .catch((error) => (seen.failed = String(error.stack || error)))
  .finally(() => {
    seen.took.all = Date.now() - seen.began;
    process.stdout.write(JSON.stringify(seen, null, 1));
  });

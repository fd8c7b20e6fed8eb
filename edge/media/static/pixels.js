// Frames from the disc: loaded as scripts one at a time, unpacked with all their bits, and dropped again when others
// need the room. packing.py says how they are packed.
"use strict";
window.EDGE = (() => {
  const limits = { room: 96 << 20 }; // octets of unpacked frames that are kept
  const kept = new Map(); // key -> {frame, octets}, the one used longest ago first
  const asked = new Map(); // key -> {promise, settle}
  const arrived = new Map(); // what a script gave: key -> {text, why}
  let queue = []; // keys to be loaded, the next one last
  let isLoading = false;
  let octets = 0;

  const loadScript = (src) =>
    new Promise((settle) => {
      const script = document.createElement("script");
      const end = (isThere) => {
        script.remove();
        settle(isThere);
      };
      script.onload = () => end(true);
      script.onerror = () => end(false);
      script.src = src;
      document.head.append(script);
    });

  // Frames pass through the same memory: only what is kept is taken anew
  const rooms = {};
  const room = (name, size) => {
    if (!rooms[name] || rooms[name].length < size) rooms[name] = new Uint8Array(size);
    return rooms[name].subarray(0, size);
  };

  const unpack = async (text, form) => {
    if (!window.DecompressionStream) throw new Error("This browser is too old to unpack pictures: take one of 2023 or later.");
    const packed = atob(text);
    const given = room("packed", packed.length);
    for (let at = 0; at < packed.length; at++) given[at] = packed.charCodeAt(at);
    const total = form.row * form.rows;
    const octets = room("unpacked", total);
    const unpacking = new DecompressionStream("deflate");
    const writer = unpacking.writable.getWriter();
    const damaged = Promise.all([writer.write(given), writer.close()]).catch(() => {}); // the reader says so too
    const reader = unpacking.readable.getReader();
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > total) throw new Error("The file of this picture has too much in it.");
      octets.set(value, at);
      at += value.length;
    }
    await damaged;
    if (at !== total) throw new Error("The file of this picture is not whole.");
    return restore(octets, form);
  };

  const CELLS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

  // Octets sorted by their place in the cell, strip by strip, and differences: back to what they were
  const restore = (octets, form) => {
    const made = new ArrayBuffer(octets.length + (-octets.length & 7));
    const cells = new CELLS[form.lane](made);
    const apart = form.step / form.lane;
    const strip = form.strip * form.row;
    for (let begin = 0; begin < octets.length; begin += strip) {
      const count = (Math.min(octets.length, begin + strip) - begin) / form.lane;
      const first = begin / form.lane;
      for (let each = 0; each < count; each++) {
        let value = 0;
        for (let place = 0; place < form.lane; place++) value |= octets[begin + place * count + each] << (8 * place);
        cells[first + each] = value + (each < apart ? 0 : cells[first + each - apart]);
      }
    }
    const samples = octets.length / form.cell;
    if (form.float) return form.cell === 8 ? new Float64Array(made, 0, samples) : new Float32Array(made, 0, samples);
    return cells.subarray(0, samples);
  };

  const keep = (key, frame) => {
    const size = frame.samples.byteLength * (frame.colour ? 2 : 1);
    kept.set(key, { frame, size });
    octets += size;
    for (const [old, each] of kept) {
      if (octets <= limits.room || old === key) break;
      kept.delete(old);
      octets -= each.size;
    }
  };

  const work = async () => {
    if (isLoading) return;
    isLoading = true;
    while (queue.length) {
      const key = queue.pop();
      const wish = asked.get(key);
      if (!wish) continue;
      try {
        const isThere = await loadScript(key + ".JS");
        const { text, why } = arrived.get(key) || { why: "" };
        arrived.delete(key);
        if (!isThere || text === undefined) throw new Error("The file of this picture cannot be read: " + key + ".JS");
        if (why) throw new Error(why);
        const frame = { key, form: wish.form, samples: await unpack(text, wish.form) };
        keep(key, frame);
        wish.settle(frame);
      } catch (error) {
        wish.settle({ key, why: error.message || "The file of this picture is damaged." });
      }
      asked.delete(key);
    }
    isLoading = false;
  };

  return {
    panes: [],
    limits,
    loadScript,

    // Called by the script of a frame
    frame: (key, text, why) => arrived.set(key, { text, why }),

    // Give a frame, {samples, form} or {why}; a promise where it has to be loaded first
    fetch: (key, form) => {
      const found = kept.get(key);
      if (found) {
        kept.delete(key);
        kept.set(key, found);
        return found.frame;
      }
      let wish = asked.get(key);
      if (!wish) {
        wish = { form };
        wish.promise = new Promise((settle) => (wish.settle = settle));
        asked.set(key, wish);
      }
      wish.isGuess = false;
      queue = queue.filter((each) => each !== key);
      queue.push(key);
      work();
      return wish.promise;
    },

    // Load frames that may be wanted soon, after all that is wanted now; what was so before is forgotten
    expect: (list) => {
      const soon = new Set(list.map(([key]) => key));
      queue = queue.filter((key) => {
        const isStale = asked.get(key).isGuess && !soon.has(key);
        if (isStale) asked.delete(key);
        return !isStale;
      });
      for (const [key, form] of list) {
        if (kept.has(key) || asked.has(key)) continue;
        const wish = { form, isGuess: true };
        wish.promise = new Promise((settle) => (wish.settle = settle));
        asked.set(key, wish);
        queue.unshift(key);
      }
      work();
    },

    // How many frames are kept, and how many octets they have
    holding: () => ({ frames: kept.size, octets }),
  };
})();

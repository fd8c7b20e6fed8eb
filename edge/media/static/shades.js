// From samples to what is seen: stored values, measured values (rescale, Modality LUT), shades by a window or VOI LUT,
// palettes and colours. The same arithmetic as edge/pixels/shades.py, which is held against other software.
// Source: PS3.3 C.7.6.3.1.2, C.7.6.3.1.5, C.7.9, C.11.1, C.11.2
"use strict";
(() => {
  const octetsOf = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));

  // Tables come in base64; unpacked once
  const prepare = (form) => {
    for (const name of ["modality", "voi"]) {
      if (form[name]) form[name].entries = new Uint16Array(octetsOf(form[name].entries).buffer);
    }
    if (form.palette) form.palette = form.palette.map(([first, text]) => [first, octetsOf(text)]);
    form.isColour = form.samples === 3 || Boolean(form.palette);
    return form;
  };

  const lookUp = (table, value) => {
    const { entries } = table;
    return entries[Math.max(0, Math.min(Math.trunc(value) - table.first, entries.length - 1))];
  };

  // A function from a sample as it lies in its cell to its value: bits above and below away, with its sign
  const stored = (form) => {
    if (form.float) return (sample) => sample;
    const top = 2 ** form.bits, sign = form.signed ? top / 2 : 0, below = 2 ** form.shift;
    return (sample) => {
      const value = Math.floor(sample / below) % top;
      return sign && value >= sign ? value - top : value;
    };
  };

  const measured = (form, view) => {
    if (form.modality) return (value) => lookUp(form.modality, value);
    if (view.slope === 1 && view.intercept === 0) return (value) => value;
    return (value) => value * view.slope + view.intercept;
  };

  // window: {center, width, function}; "LUT" as function takes the VOI LUT of the form
  const shade = (window, form) => {
    if (window.function === "LUT") {
      const { top } = form.voi;
      return (value) => Math.floor((lookUp(form.voi, value) * 510 + top) / (2 * top));
    }
    let { center, width } = window;
    if (window.function === "SIGMOID") {
      return (value) => Math.floor(255 / (1 + Math.exp(Math.max(-700, Math.min(700, (-4 * (value - center)) / width)))) + 0.5);
    }
    if (window.function === "LINEAR") {
      center -= 0.5;
      width -= 1;
    }
    const low = center - width / 2, high = center + width / 2;
    return (value) => (value <= low ? 0 : value > high ? 255 : Math.floor(((value - low) * 255) / width + 0.5));
  };

  // Measured values of every sample that there can be, for cells that are small enough to have a table
  const tables = new WeakMap();
  const valuesOf = (form, view) => {
    if (form.cell > 2 || form.float) return null;
    let found = tables.get(view);
    if (!found || found.form !== form) {
      const from = stored(form), to = measured(form, view);
      const values = new Float64Array(1 << (8 * form.cell));
      for (let sample = 0; sample < values.length; sample++) values[sample] = to(from(sample));
      tables.set(view, (found = { form, values }));
    }
    return found.values;
  };

  const valueAt = (frame, view, at) => {
    const { form } = frame;
    return measured(form, view)(stored(form)(frame.samples[at]));
  };

  // The window that shows all values of a frame, but for those that stand for no pixel
  const widest = (frame, view) => {
    const { form, samples } = frame;
    const from = stored(form), values = valuesOf(form, view), to = measured(form, view);
    const padding = form.padding === undefined ? null : from(form.padding);
    let low = Infinity, high = -Infinity;
    const look = (isPaddingToo) => {
      for (let at = 0; at < samples.length; at++) {
        const sample = samples[at];
        if (!isPaddingToo && padding !== null && from(sample) === padding) continue;
        const value = values ? values[sample] : to(from(sample));
        if (value < low) low = value;
        if (value > high) high = value;
      }
    };
    look(false);
    if (low === Infinity) look(true);
    if (!Number.isFinite(low)) return { center: 0.5, width: 1, function: "LINEAR_EXACT" };
    if (!form.float && high - low >= 1) return { center: (low + high + 1) / 2, width: high - low + 1, function: "LINEAR" };
    return { center: (low + high) / 2, width: high - low || 1, function: "LINEAR_EXACT" };
  };

  // The window that a frame is shown in where nobody chose one
  const proposed = (frame, view) => {
    if (frame.form.isColour) return { center: 127.5, width: 255, function: "LINEAR_EXACT" };
    if (frame.form.voi) return { function: "LUT" };
    if (view.windows.length) {
      const [center, width, how, name] = view.windows[0];
      return { center, width, function: how, name };
    }
    return (frame.widest = frame.widest || widest(frame, view));
  };

  const clip = (value) => (value < 0 ? 0 : value > 255 ? 255 : value);

  // The colours of a frame as R, G, B of eight bits; worked out once
  const coloursOf = (frame) => {
    if (frame.colour) return frame.colour;
    const { form, samples } = frame;
    const count = form.rows * form.columns;
    const made = new Uint8ClampedArray(3 * count);
    if (form.palette) {
      const from = stored(form);
      for (let at = 0; at < count; at++) {
        const value = from(samples[at]);
        for (let colour = 0; colour < 3; colour++) {
          const [first, entries] = form.palette[colour];
          made[3 * at + colour] = entries[Math.max(0, Math.min(value - first, entries.length - 1))];
        }
      }
      return (frame.colour = made);
    }
    const isYbr = form.colours !== "RGB";
    const from = stored(form), top = 2 ** form.bits - 1;
    const narrow = form.cell === 1 && form.bits === 8 ? (one) => one : (one) => Math.floor((from(one) * 510 + top) / (2 * top)) & 255;
    for (let row = 0, at = 0; row < form.rows; row++) {
      const begin = (row * form.row) / form.cell;
      for (let column = 0; column < form.columns; column++, at += 3) {
        let a, b, c;
        if (form.lies === "half") {
          const pair = begin + 4 * (column >> 1);
          [a, b, c] = [samples[pair + (column & 1)], samples[pair + 2], samples[pair + 3]];
        } else {
          const [first, apart] = form.lies === "plane" ? [begin + column, form.columns] : [begin + 3 * column, 1];
          [a, b, c] = [narrow(samples[first]), narrow(samples[first + apart]), narrow(samples[first + 2 * apart])];
        }
        if (isYbr) {
          const blue = b - 128, red = c - 128;
          b = clip(a + Math.floor(-0.344136 * blue - 0.714136 * red + 0.5));
          c = clip(a + Math.floor(1.772 * blue + 0.5));
          a = clip(a + Math.floor(1.402 * red + 0.5));
        }
        made[at] = a;
        made[at + 1] = b;
        made[at + 2] = c;
      }
    }
    return (frame.colour = made);
  };

  // Write a frame into an ImageData of its size
  const paint = (frame, view, window, isInverted, into) => {
    const { form, samples } = frame;
    const pixels = new Uint32Array(into.data.buffer);
    const shaded = shade(window, form);
    if (form.isColour) {
      const table = new Uint8Array(256);
      for (let value = 0; value < 256; value++) table[value] = shaded(value) ^ (isInverted ? 255 : 0);
      const colours = coloursOf(frame);
      for (let at = 0, from = 0; at < pixels.length; at++, from += 3) {
        pixels[at] = 0xff000000 | (table[colours[from + 2]] << 16) | (table[colours[from + 1]] << 8) | table[colours[from]];
      }
      return;
    }
    const turned = (form.colours === "MONOCHROME1") !== isInverted ? 255 : 0;
    const values = valuesOf(form, view);
    if (values) {
      const table = new Uint32Array(values.length);
      for (let sample = 0; sample < table.length; sample++) {
        table[sample] = 0xff000000 | ((shaded(values[sample]) ^ turned) * 0x10101);
      }
      for (let at = 0; at < pixels.length; at++) pixels[at] = table[samples[at]];
      return;
    }
    const from = stored(form), to = measured(form, view);
    for (let at = 0; at < pixels.length; at++) {
      const value = to(from(samples[at]));
      pixels[at] = 0xff000000 | ((shaded(Number.isFinite(value) ? value : 0) ^ turned) * 0x10101);
    }
  };

  Object.assign(EDGE, { prepare, proposed, widest, paint, valueAt, coloursOf });
})();

// What colours stand for: a bar with values and unit for one band, a range for each channel, a list of classes.

import { element } from "./elements.js";
import { OWN_RAMP, lookOf } from "./picture.js";
import { endTexts, isScaled, numberText, physical, scaleText, spanText } from "./numbers.js";

const MOST_CLASSES = 24; // the others are folded
const MARKS = 5;
const STEPS = Array.from({ length: 18 }, (_, index) => 15 * index); // of the 256 of a render's own colours
const CHANNELS = [["Red", "#f00"], ["Green", "#0f0"], ["Blue", "#00f"]];

/**
 * The legend of a picture; `values` are those stored in the pixel that was read, by number of band, and `side` is
 * where the picture is, if it is not the only one.
 */
export function legendOf(collection, picture, values = new Map(), side = "") {
  const look = lookOf(collection, picture);
  const parts = { ramp: rampParts, channels: channelParts, classes: classParts, shading: shadingParts, unknown: unknownParts };
  return element(
    "div",
    { className: "legend" },
    element("h3", {}, side ? element("span", {}, `${side}: `) : null, look.title),
    ...parts[look.kind](collection, look, picture.gamma, values),
  );
}

function rampParts(collection, look, gamma, values) {
  const band = collection.band(look.bands[0]);
  const ends = look.ranges[0];
  const [low, high] = endMarks(band, ends);
  const span = physical(band, ends[1]) - physical(band, ends[0]);
  const marks = Array.from({ length: MARKS }, (_, index) => {
    const share = (index / (MARKS - 1)) ** gamma; // gamma bends the values along the bar
    const value = physical(band, ends[0] + (ends[1] - ends[0]) * share);
    return element("span", {}, { 0: low, [MARKS - 1]: high }[index] ?? scaleText(value, span));
  });
  return [
    bandLine(band),
    barOf(rampColors(collection, look), band, ends, gamma, values),
    element("div", { className: "marks" }, ...marks),
    storedLine(band, ends),
  ];
}

function rampColors(collection, look) {
  if (look.ramp !== OWN_RAMP) return collection.ramps.get(look.ramp) ?? ["#000", "#fff"];
  return STEPS.map((step) => `rgb(${look.steps[step].slice(0, 3).join(", ")})`);
}

function channelParts(collection, look, gamma, values) {
  return CHANNELS.map(([name, color], place) => {
    const band = collection.band(look.bands[place]);
    const ends = look.ranges[place];
    const [low, high] = endMarks(band, ends);
    return element(
      "div",
      { className: "channel" },
      element("b", { className: "channel-name" }, name),
      bandLine(band),
      barOf(["#000", color], band, ends, gamma, values),
      element("div", { className: "marks" }, element("span", {}, low), element("span", {}, high)),
    );
  });
}

/** The ends, which stand for all values beyond them where there are such. */
function endMarks(band, ends) {
  const [low, high] = endTexts(band, ends);
  const { spread } = band;
  return [spread && spread.minimum < ends[0] ? `≤ ${low}` : low, spread && spread.maximum > ends[1] ? `≥ ${high}` : high];
}

/** A bar of colours, with a pointer at the value that was read. */
function barOf(colors, band, [low, high], gamma, values) {
  const bar = element("div", { className: "colors", "aria-hidden": "true" });
  bar.style.backgroundImage = `linear-gradient(to right, ${colors.join(", ")})`;
  const value = values.get(band.number);
  if (typeof value !== "number") return bar;
  const share = Math.min(1, Math.max(0, (value - low) / (high - low))) ** (1 / gamma);
  const pointer = element("i", { className: "pointer", title: `here: ${numberText(physical(band, value), band.dtype)} ${band.unit}` });
  pointer.style.left = `${100 * share}%`;
  bar.append(pointer);
  return bar;
}

/** Name, what it is known as, where it lies in the spectrum, unit. */
function bandLine(band) {
  const about = [band.description, band.common_name].filter((text) => text && text !== band.name);
  const told = [...new Set(about), band.wavelength === null ? "" : `${Number(band.wavelength.toPrecision(4))} µm`];
  const line = element("p", { className: "band" }, element("b", {}, band.name), ...told.filter(Boolean).map((text) => ` ${text}`));
  if (band.unit) line.append(" ", element("span", { className: "unit" }, band.unit));
  return line;
}

function storedLine(band, ends) {
  return isScaled(band) ? element("small", {}, `stored ${spanText(...endTexts({ scale: 1, offset: 0 }, ends))}`) : null;
}

function classParts(collection, look, _, values) {
  const band = collection.band(look.bands[0]);
  const entries = classesOf(band, look.colors);
  const here = values.get(band.number);
  const rows = entries.map(([value, name, color]) => {
    const swatch = element("i", { className: "swatch" });
    swatch.style.background = color;
    const row = element("li", {}, swatch, element("span", { className: "value" }, value), name ? element("b", {}, name) : null);
    if (here === value) row.setAttribute("aria-current", "true");
    return row;
  });
  const parts = [bandLine(band), element("ul", { className: "classes" }, ...rows.slice(0, MOST_CLASSES))];
  if (rows.length > MOST_CLASSES) {
    const rest = rows.slice(MOST_CLASSES);
    parts.push(
      element("details", {}, element("summary", {}, `${rest.length} more`), element("ul", { className: "classes" }, ...rest)),
    );
    parts.at(-1).open = rest.some((row) => row.hasAttribute("aria-current"));
  }
  return parts;
}

/** Value, name and colour of those classes that have a name or may occur. */
function classesOf(band, colors) {
  const names = new Map(band.classes.map(({ value, name }) => [value, name]));
  const { minimum = -Infinity, maximum = Infinity } = band.spread ?? {};
  return Object.entries(colors)
    .map(([value, rgba]) => [Number(value), names.get(Number(value)) ?? "", rgba])
    .filter(([value, name, rgba]) => rgba[3] !== 0 && (name || (value >= minimum && value <= maximum)))
    .sort(([one], [other]) => one - other)
    .map(([value, name, [red, green, blue]]) => [value, name, `rgb(${red}, ${green}, ${blue})`]);
}

function shadingParts(collection, look) {
  const bar = element("div", { className: "colors", "aria-hidden": "true" });
  bar.style.backgroundImage = "linear-gradient(to right, #000, #fff)";
  const marks = element("div", { className: "marks" }, element("span", {}, "turned from the light"), element("span", {}, "turned to it"));
  return [bandLine(collection.band(look.bands[0])), bar, marks];
}

function unknownParts() {
  return [element("p", { className: "band" }, "The collection does not say what the colours stand for.")];
}

// A picture is how a collection is shown, as a plain value: a render of the collection or bands of one's own, the
// values at the ends of the colours, a gamma, a colour ramp. From it come the tiles' address and a link's text.

const OF_COLORS = ["colormap", "colormap_name", "color_formula", "algorithm", "buffer", "expression", "rescale", "bidx"];

/** Stands for the colours that a render brings along, which no server knows by a name. */
export const OWN_RAMP = "own";

/** The picture of a render as it was published. */
export function published(render) {
  return { render, bands: null, ranges: null, gamma: 1, ramp: null, stretch: "published" };
}

/** Whether nothing of a picture was changed but for its bands. */
export const isAsPublished = ({ ranges, gamma, ramp }) => !ranges && gamma === 1 && ramp === null;

/**
 * What a picture shows: kind, bands, the ends of their ranges as stored, ramp, colours of classes. A band is a number,
 * or what is computed of bands: an expression.
 */
export function lookOf(collection, picture) {
  const render = collection.render(picture.render);
  const { look } = render;
  const bands = picture.bands ?? (look.expression ? look.expression.split(";").filter(Boolean) : look.bands);
  const kind = picture.bands ? kindOf(bands, {}, "") : kindOf(bands, look, render.algorithm);
  const ranges = bands.map((number, place) => picture.ranges?.[place] ?? usualRange(collection, picture, look, number, place));
  const ramp = kind === "ramp" ? rampOf(picture, look) : null;
  return { kind, bands, ranges, ramp, colors: kind === "classes" ? look.colors : null, steps: look.colors, title: titleOf(collection, picture) };
}

function rampOf({ ramp, bands }, look) {
  const usual = (!bands && (isRamp(look) ? OWN_RAMP : look.ramp)) || "gray";
  return ramp === null || (ramp === OWN_RAMP && (bands || !isRamp(look))) ? usual : ramp;
}

function kindOf(bands, look, algorithm) {
  if (algorithm) return "shading";
  if (look.colors && !isRamp(look)) return "classes";
  return { 1: "ramp", 3: "channels" }[bands.length] ?? "unknown";
}

/** Whether the colours that a render brings along are those of the steps of a range. */
export const isRamp = (look) => Boolean(look.colors && look.ranges[0]);

/** Ends of a range where nothing was chosen: the render's own, else bytes as they are, else where most values lie. */
function usualRange(collection, picture, look, number, place) {
  const own = picture.bands ? null : (look.ranges[place] ?? look.ranges[0]);
  const band = collection.band(number);
  if (own) return own;
  if (!picture.bands && (band.dtype === "uint8" || !band.dtype)) return [0, 255];
  return collectionRange(band, 2) ?? [0, 255];
}

/** Where the values of a band lie over the whole collection, without so many percent at both ends: 0, 1, 2 or 5. */
export function collectionRange({ spread, percentiles }, percent) {
  if (percent === 1 || percent === 5) {
    const [first, fifth, last5, last1] = percentiles ?? [];
    const ends = percent === 1 ? [first, last1] : [fifth, last5];
    return ends[1] > ends[0] ? ends : null;
  }
  if (!spread) return null;
  const { minimum, low, high, maximum } = spread;
  if (percent && high > low) return [low, high];
  return maximum > minimum ? [minimum, maximum] : [minimum, minimum + 1];
}

function titleOf(collection, picture) {
  if (!picture.bands) return collection.render(picture.render).title;
  return picture.bands.map((number) => shortName(collection.band(number))).join(" · ");
}

/** red (b4), or b4. */
export function shortName(band) {
  const told = band.description || band.common_name;
  return told && told !== band.name ? `${told} (${band.name})` : band.name;
}

/** Template of the address of a picture's tiles. */
export function tilesOf(collection, picture) {
  const { tiles } = collection.render(picture.render);
  if (!picture.bands && isAsPublished(picture)) return collection.base + tiles;
  const [path, query = ""] = tiles.split("?");
  const asked = new URLSearchParams(query);
  const look = lookOf(collection, picture);
  if (picture.bands) {
    OF_COLORS.forEach((name) => asked.delete(name));
    look.bands.forEach((number) => asked.append("bidx", number));
  }
  if (picture.ranges || picture.bands) {
    asked.delete("rescale");
    look.ranges.forEach((ends) => asked.append("rescale", ends.join(",")));
  }
  if (look.ramp && look.ramp !== OWN_RAMP) {
    ["colormap", "colormap_name"].forEach((name) => asked.delete(name));
    if (look.ramp !== "gray") asked.set("colormap_name", look.ramp);
  }
  if (picture.gamma !== 1) asked.set("color_formula", `gamma ${look.bands.length === 1 ? "r" : "rgb"} ${picture.gamma}`);
  return `${collection.base}${path}?${asked}`;
}

/** Writes what was changed of a picture into a link's parameters. */
export function tellPicture(parameters, picture, prefix = "") {
  const { bands, ranges, gamma, ramp, stretch } = picture;
  if (bands) parameters.set(`${prefix}bands`, bands.join(","));
  if (ranges) parameters.set(`${prefix}ranges`, ranges.map((ends) => ends.join(":")).join(","));
  if (gamma !== 1) parameters.set(`${prefix}gamma`, gamma);
  if (ramp !== null) parameters.set(`${prefix}colors`, ramp);
  if (stretch !== "published") parameters.set(`${prefix}stretch`, stretch);
}

/** The picture of a render with what a link's parameters say; what makes no sense is passed over. */
export function toldPicture(parameters, render, prefix = "") {
  const told = (name) => parameters.get(`${prefix}${name}`) ?? "";
  const bands = told("bands").split(",").map(Number);
  const ranges = told("ranges").split(",").map((ends) => ends.split(":").map(Number));
  const gamma = Number(told("gamma"));
  const picture = published(render);
  if ([1, 3].includes(bands.length) && bands.every((number) => Number.isInteger(number) && number > 0)) picture.bands = bands;
  if (told("ranges") && ranges.every((ends) => ends.length === 2 && ends.every(Number.isFinite))) picture.ranges = ranges;
  if (gamma > 0.05 && gamma <= 10) picture.gamma = gamma;
  if (/^[a-z0-9_]+$/i.test(told("colors"))) picture.ramp = told("colors");
  if (/^[a-z0-9-]+$/.test(told("stretch"))) picture.stretch = told("stretch");
  return picture;
}

// Where colours begin and end: what can be chosen, and the values that it stands for.

import { ask } from "./ask.js";
import { collectionRange, lookOf } from "./picture.js";

const MOST = "1e30";
const READ = 512; // pixels along an edge of what is counted

/** Groups of choices, each a key with a text: of the collection, or of what the map shows. */
export const STRETCHES = [
  ["", [["published", "As published"]]],
  ["Whole collection", [["all-2", "2 – 98 %"], ["all-1", "1 – 99 %"], ["all-5", "5 – 95 %"], ["all-0", "Minimum – maximum"]]],
  ["What the map shows", [["seen-2", "2 – 98 %"], ["seen-1", "1 – 99 %"], ["seen-5", "5 – 95 %"], ["seen-0", "Minimum – maximum"]]],
  ["", [["own", "Values of my own"]]],
];

/** Ends of the ranges, as stored, that a choice stands for; null for the render's own. */
export async function rangesOf(stretch, collection, picture, bounds, signal) {
  const [whole, percent] = [stretch.split("-")[0], Number(stretch.split("-")[1])];
  const { bands, ranges } = lookOf(collection, picture);
  if (whole === "own") return ranges;
  if (whole === "all") return known(bands.map((number) => collectionRange(collection.band(number), percent)));
  if (whole === "seen") return seen(collection, picture, bands, percent, bounds, signal);
  return null;
}

function known(ranges) {
  if (ranges.every(Boolean)) return ranges;
  throw new Error("the items do not tell where their values lie. Choose what the map shows");
}

async function seen(collection, picture, bands, percent, bounds, signal) {
  const shape = shapeOf(bounds, collection.bounds);
  if (!shape) throw new Error("nothing of the collection is in sight");
  const asked = new URLSearchParams({ max_size: READ });
  const nodata = new URLSearchParams(collection.render(picture.render).tiles.split("?")[1]).get("nodata");
  if (nodata !== null) asked.set("nodata", nodata);
  const computed = bands.filter((band) => typeof band === "string");
  if (computed.length) asked.set("expression", computed.map(bounded).join(";"));
  else bands.forEach((number) => asked.append("bidx", number));
  if (percent) [percent, 100 - percent].forEach((number) => asked.append("p", number));
  const answer = await ask(`${collection.base}mosaicjson/statistics?${asked}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [shape] } }),
    signal,
  });
  return Object.values(answer.properties.statistics).map((found) => endsOf(found, percent));
}

/** What is divided by nothing has no statistics: such values are the largest there are instead. */
const bounded = (value) => `where((${value})>${MOST},${MOST},where((${value})<-${MOST},-${MOST},${value}))`;

function endsOf(found, percent) {
  const ends = percent ? [found[`percentile_${percent}`], found[`percentile_${100 - percent}`]] : [found.min, found.max];
  if (!found.valid_pixels || !ends.every(Number.isFinite)) throw new Error("there is no valid pixel in sight");
  const [low, high] = ends.map((value) => Number(value.toPrecision(7)));
  return [low, high > low ? high : low + 1];
}

/** The part of the map that the collection is in, as a ring within ±180°; null where there is none. */
function shapeOf(bounds, whole) {
  if (!bounds.intersects(whole)) return null;
  let west = Math.max(bounds.getWest(), whole.getWest());
  let east = Math.min(bounds.getEast(), whole.getEast());
  const [south, north] = [Math.max(bounds.getSouth(), whole.getSouth()), Math.min(bounds.getNorth(), whole.getNorth())];
  if (west < 180 && east > 180) [west, east] = 180 - west > east - 180 ? [west, 180] : [180, east]; // its larger part
  if (west >= 180) [west, east] = [west - 360, east - 360];
  return [[west, south], [east, south], [east, north], [west, north], [west, south]];
}

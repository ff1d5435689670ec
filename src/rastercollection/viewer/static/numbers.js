// Numbers, moments and places as text.

import { degreesText } from "./graticule.js";

/** A number with as many digits as its data type has; what is no number as it is. */
export function numberText(value, dtype) {
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(dtype === "float32" ? 7 : 12)));
}

/** A number of a scale that spans so much: by default no more digits than tell its marks apart. */
export function scaleText(value, span, more = 0) {
  const digits = Math.min(12, Math.max(0, 2 + more - Math.floor(Math.log10(Math.abs(span) || 1))));
  return String(Number(value.toFixed(digits))).replace(/^-0$/, "0");
}

/** Two values of a band at the ends of a scale, as stored, in its unit. */
export function endTexts(band, ends) {
  const [low, high] = ends.map((end) => physical(band, end));
  return [low, high].map((value) => scaleText(value, high - low, 2));
}

/** What a stored value of a band means, in its unit. */
export const physical = (band, value) => (isScaled(band) ? round(value * band.scale + band.offset) : value);

/** The stored value that means so much. */
export const stored = (band, value) => (isScaled(band) ? round((value - band.offset) / band.scale) : value);

/** Whether what is stored is not what is meant. */
export const isScaled = (band) => band.scale !== 1 || band.offset !== 0;

const round = (value) => Number(value.toPrecision(10));

/** 2019-07-14 06:12 UTC, a day, or an interval of days. */
export function momentText(when) {
  const parts = when.split("/");
  if (parts.length === 2) return [...new Set(parts.map((part) => part.slice(0, 10)))].join(" – ");
  return `${when.slice(0, 16).replace("T", " ")} UTC`;
}

export const spanText = (first, last) => (first === last ? `${first}` : `${first} – ${last}`);

export function daysText(start, end) {
  const [first, last] = [start, end].map((moment) => moment?.slice(0, 10));
  if (first && last) return spanText(first, last);
  return first ? `from ${first}` : ""; // an end alone is when files were written, not when anything was acquired
}

export function placeText(lat, lng, digits = 5) {
  const longitude = L.latLng(lat, lng).wrap().lng;
  return `${degreesText(lat, digits, "N", "S")} ${degreesText(longitude, digits, "E", "W")}`;
}

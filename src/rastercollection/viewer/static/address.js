// What the page shows, as the fragment of its address: #zoom/latitude/longitude/render?bands=…&swipe=…

import { tellPicture, toldPicture } from "./picture.js";

/** The fragment of a view: its place, up to two pictures of collections, their opacity in percent, outlines or not. */
export function fragmentOf({ zoom, lat, lng, sides, swipe, opacity, outlines }) {
  const digits = Math.min(7, Math.max(2, Math.ceil(zoom / 3) + 1));
  const [left, right] = sides;
  const parameters = new URLSearchParams();
  if (left.base) parameters.set("in", left.key);
  tellPicture(parameters, left.picture);
  if (right) {
    parameters.set("swipe", swipe);
    parameters.set("right", right.picture.render);
    if (right.base) parameters.set("right.in", right.key);
    tellPicture(parameters, right.picture, "right.");
  }
  if (opacity < 100) parameters.set("opacity", opacity);
  if (!outlines) parameters.set("outlines", "off");
  const place = [zoom, lat.toFixed(digits), lng.toFixed(digits), encodeURIComponent(left.picture.render)];
  const rest = parameters.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return `#${place.join("/")}${rest ? `?${rest}` : ""}`;
}

/** What a fragment says: a place or null, and pictures with keys of their collections, empty for the first. */
export function toldOf(fragment) {
  const [path, ...rest] = fragment.replace(/^#/, "").split("?");
  const parameters = new URLSearchParams(rest.join("?"));
  const [zoom, lat, lng, render] = path.split("/");
  const place = [zoom, lat, lng].map(Number);
  const isPlace = Boolean(zoom && lat && lng) && place.every(Number.isFinite) && Math.abs(place[1]) <= 90;
  const side = (key, prefix) => ({ key: parameters.get(`${prefix}in`) ?? "", picture: toldPicture(parameters, key, prefix) });
  const percent = (name, otherwise) => {
    const value = Number(parameters.get(name));
    return parameters.has(name) && value >= 0 && value <= 100 ? value : otherwise;
  };
  return {
    place: isPlace ? { zoom: place[0], lat: place[1], lng: place[2] } : null,
    left: side(render ? decode(render) : "", ""),
    right: parameters.has("right") ? side(parameters.get("right"), "right.") : null,
    swipe: percent("swipe", 50),
    opacity: percent("opacity", 100),
    outlines: parameters.get("outlines") !== "off",
  };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

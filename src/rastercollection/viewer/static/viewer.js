// The viewer's page: a map of one collection, served beside it. Talks to its own server only.

import { addGraticule, degreesText } from "./graticule.js";
import { element, link, showItems } from "./reading.js";
import { RasterLayer } from "./tiles.js";

const OVERZOOM = 6;
const byId = (id) => document.getElementById(id);
const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer.json();
  const text = await answer.text();
  let detail = text;
  try {
    detail = JSON.parse(text).detail ?? text;
  } catch { /* it is plain text */ }
  throw new Error(typeof detail === "string" ? detail : `The server answered ${answer.status}.`);
}

class Viewer {
  constructor(summary) {
    this.summary = summary;
    const [west, south, east, north] = summary.bounds;
    this.bounds = L.latLngBounds([south, west], [north, east]);
    this.map = L.map("map", {
      attributionControl: false,
      zoomControl: false,
      preferCanvas: true,
      zoomAnimation: !isStill,
      fadeAnimation: !isStill,
      minZoom: 1,
      maxZoom: summary.maxzoom + OVERZOOM,
    });
    L.control.zoom({ position: "topright" }).addTo(this.map);
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(this.map);
    this.map.getContainer().append(element("div", { className: "crosshair" }));
    this.layer = null;
    this.problem = "";
    this.opacity = 1;
    this.outlines = L.geoJSON(null, {
      interactive: false,
      style: () => this.outlineStyle(),
      coordsToLatLng: ([x, y]) => L.latLng(y, east > 180 && x < west - 1e-9 ? x + 360 : x),
    }).addTo(this.map);
    this.frame = L.rectangle(this.bounds, { interactive: false, fill: false, weight: 1, dashArray: "6 5" }).addTo(this.map);
    this.spot = L.marker([0, 0], { interactive: false, keyboard: false, icon: L.divIcon({ className: "spot", iconSize: [14, 14] }) });
  }

  start() {
    this.fillPanel();
    this.goTo(location.hash) || this.fit();
    addGraticule(this.map);
    this.recolor();
    this.listen();
    this.moved();
  }

  listen() {
    const { map } = this;
    map.on("moveend", () => this.moved());
    map.on("zoomend", () => this.recolor());
    map.on("click", (event) => this.read(event.latlng));
    map.on("mousemove", (event) => this.tellPosition(event.latlng));
    map.on("mouseout", () => this.tellPosition(map.getCenter()));
    map.getContainer().addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === map.getContainer()) this.read(map.getCenter());
    });
    document.addEventListener("keydown", (event) => {
      document.documentElement.classList.add("keyboard"); // shows focus and cross, which would be in a mouse's way
      if (event.key === "Escape") this.closeReading();
    });
    document.addEventListener("pointerdown", () => document.documentElement.classList.remove("keyboard"));
    addEventListener("hashchange", () => this.goTo(location.hash));
    new ResizeObserver(() => this.resized()).observe(map.getContainer()); // the panel takes its room where they share it
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolor());
    byId("close").addEventListener("click", () => this.closeReading());
    byId("fit").addEventListener("click", () => this.fit());
    byId("opacity").addEventListener("input", (event) => this.setOpacity(event.target.value));
    byId("outlines").addEventListener("change", (event) => {
      for (const layer of [this.outlines, this.frame]) event.target.checked ? layer.addTo(map) : layer.remove();
    });
    byId("status-action").addEventListener("click", () => this.statusAction?.());
  }

  // what is shown

  fillPanel() {
    const { summary } = this;
    document.title = summary.title || summary.id;
    byId("title").textContent = summary.title || summary.id;
    const facts = [
      [summary.items.toLocaleString("en"), summary.items === 1 ? "item" : "items"],
      [daysText(...summary.interval), ""],
      ["", `zoom ${spanText(summary.minzoom, summary.maxzoom)}`],
    ].filter((fact) => fact.some(Boolean));
    byId("facts").replaceChildren(...facts.map(([strong, text]) => element("li", {}, element("b", {}, strong), ` ${text}`)));
    byId("description").textContent = summary.description;
    const license = summary.license_url ? link(summary.license_url, summary.license) : summary.license;
    const providers = summary.providers.flatMap((one, index) => [index ? ", " : "", one.url ? link(one.url, one.name) : one.name]);
    const details = [
      ["Licence", license ? [license] : []],
      ["Source", providers],
      ["Id", [summary.id]],
      ["Published at", [summary.address]],
    ].filter(([, parts]) => parts.length);
    byId("details").replaceChildren(...details.flatMap(([name, parts]) => [element("dt", {}, name), element("dd", {}, ...parts)]));
    byId("render-list").replaceChildren(...summary.renders.map((render) => this.renderChoice(render)));
    byId("renders").hidden = summary.renders.length < 2;
    byId("controls").hidden = byId("about").hidden = false;
    byId("about").open = matchMedia("(min-width: 721px)").matches;
    byId("failure").hidden = true;
  }

  renderChoice(render) {
    const input = element("input", { type: "radio", name: "render", value: render.key });
    input.addEventListener("change", () => this.choose(render.key));
    return element("label", {}, input, element("span", {}, render.title));
  }

  choose(key) {
    const render = this.summary.renders.find((one) => one.key === key) ?? this.summary.renders[0];
    if (render === this.render) return;
    this.render = render;
    for (const input of document.querySelectorAll("#render-list input")) input.checked = input.value === render.key;
    const old = this.layer;
    this.layer = new RasterLayer(render.tiles, {
      bounds: this.summary.bounds[2] <= 180 ? this.bounds : undefined, // Leaflet compares within ±180°
      minZoom: this.summary.drawn_from,
      maxZoom: this.summary.maxzoom + OVERZOOM,
      // its pixels may be larger than the data's by up to a half
      maxNativeZoom: this.summary.maxzoom + 1,
      opacity: this.opacity,
    });
    this.layer.on("loading", () => this.tellTiles(true));
    this.layer.on("load", () => {
      old?.remove();
      this.tellTiles(false);
    });
    this.problem = "";
    this.layer.on("tileerror", (event) => (this.problem = event.error.message));
    this.layer.addTo(this.map);
    this.rememberPlace();
  }

  setOpacity(percent) {
    this.opacity = percent / 100;
    byId("opacity-value").textContent = `${percent} %`;
    this.layer?.setOpacity(this.opacity);
  }

  recolor() {
    this.frame.setStyle({ color: color("--soft") });
    this.outlines.setStyle(this.outlineStyle());
  }

  /** Length of an item's edge on the screen, about. */
  itemPixels() {
    const size = this.map.project(this.bounds.getSouthEast()).subtract(this.map.project(this.bounds.getNorthWest()));
    return Math.sqrt((size.x * size.y) / Math.max(1, this.summary.items));
  }

  outlineStyle() {
    return { color: color("--edge"), weight: Math.min(1.5, Math.max(0.2, this.itemPixels() / 12)), fill: false };
  }

  // where the map is

  goTo(hash) {
    if (hash && hash === this.hash) return true;
    const [zoom, lat, lon, key] = hash.replace(/^#/, "").split("/");
    const place = [zoom, lat, lon].map(Number);
    const isPlace = Boolean(zoom && lat && lon) && place.every(Number.isFinite) && Math.abs(place[1]) <= 90;
    if (isPlace) this.map.setView([place[1], place[2]], place[0], { animate: false });
    this.choose(key ? decode(key) : this.render?.key);
    return isPlace;
  }

  fit() {
    const edge = Math.min(28, this.map.getSize().x * 0.02);
    this.map.fitBounds(this.bounds, { padding: [edge, edge], maxZoom: this.summary.maxzoom, animate: !isStill });
  }

  moved() {
    this.rememberPlace();
    this.tellPosition(this.map.getCenter());
    this.tellTiles(this.layer?.isLoading());
    const magnified = this.map.getZoom() > this.summary.maxzoom + 1;
    this.map.getContainer().classList.toggle("magnified", magnified);
    this.loadOutlines();
  }

  resized() {
    this.map.invalidateSize({ animate: false });
    if (!byId("reading").hidden) this.map.panInside(this.spot.getLatLng(), { padding: [24, 24], animate: false });
  }

  rememberPlace() {
    if (!this.map._loaded) return;
    const { lat, lng } = this.map.getCenter();
    const digits = Math.min(7, Math.max(2, Math.ceil(this.map.getZoom() / 3) + 1));
    const place = [this.map.getZoom(), lat.toFixed(digits), lng.toFixed(digits), encodeURIComponent(this.render.key)];
    this.hash = `#${place.join("/")}`;
    history.replaceState(null, "", this.hash);
  }

  tellPosition({ lat, lng }) {
    byId("position").textContent = `${placeText(lat, lng)} · zoom ${this.map.getZoom()}`;
  }

  // footprints: all at once where they are few, those of the map's part otherwise

  async loadOutlines() {
    if (this.hasAllOutlines) return;
    this.outlineRequest?.abort();
    this.outlineRequest = new AbortController();
    const everything = this.outlinesAsked ? "" : "-180,-90,180,90";
    const box = everything || this.map.getBounds().pad(0.2).toBBoxString();
    try {
      const found = await ask(`api/footprints?bbox=${clampedBox(box)}`, { signal: this.outlineRequest.signal });
      this.hasAllOutlines = Boolean(everything) && found.numberReturned === found.numberMatched;
      this.outlines.clearLayers().addData(found);
      if (everything && !this.hasAllOutlines) {
        this.outlinesAsked = true;
        await this.loadOutlines();
      }
    } catch (error) {
      if (error.name !== "AbortError") this.tell(`Outlines cannot be shown: ${error.message}`, { alarm: true });
    }
  }

  // pixel values

  async read(latlng) {
    this.readRequest?.abort();
    this.readRequest = new AbortController();
    const place = latlng.wrap();
    this.spot.setLatLng(latlng).addTo(this.map);
    byId("place").textContent = placeText(place.lat, place.lng, 6);
    byId("items").replaceChildren(element("p", { className: "hint" }, "Reading …"));
    byId("reading").hidden = false;
    byId("reading").scrollIntoView({ block: "nearest" });
    try {
      const answer = await ask(`api/point?lon=${place.lng}&lat=${place.lat}`, { signal: this.readRequest.signal });
      showItems(byId("items"), answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      byId("items").replaceChildren(element("p", { className: "problem" }, `The pixel cannot be read: ${error.message}`));
    }
  }

  closeReading() {
    if (byId("reading").hidden) return;
    this.readRequest?.abort();
    const hadFocus = byId("reading").contains(document.activeElement);
    byId("reading").hidden = true;
    this.spot.remove();
    if (hadFocus) this.map.getContainer().focus();
  }

  // the line at the top of the map

  tellTiles(isLoading) {
    clearTimeout(this.patience);
    this.map.getContainer().setAttribute("aria-busy", String(Boolean(isLoading)));
    const zoom = this.map.getZoom();
    if (zoom < this.summary.drawn_from) {
      this.tell(`Pixels are shown from zoom ${this.summary.drawn_from} on.`, {
        action: ["Zoom in", () => this.map.setView(this.nearest(), this.summary.drawn_from)],
      });
    } else if (isLoading) {
      this.patience = setTimeout(() => this.tell("Drawing …", { busy: true }), 250);
    } else if (this.problem) {
      this.tell(`Some tiles cannot be drawn: ${this.problem}`, { alarm: true, action: ["Try again", () => this.redraw()] });
    } else {
      this.tell("");
    }
  }

  nearest() {
    const center = this.map.getCenter();
    return this.bounds.contains(center) ? center : this.bounds.getCenter();
  }

  redraw() {
    this.problem = "";
    this.layer.redraw();
  }

  tell(text, { busy = false, alarm = false, action = null } = {}) {
    const status = byId("status");
    status.hidden = !text;
    status.classList.toggle("busy", busy);
    status.classList.toggle("alarm", alarm);
    byId("status-text").textContent = text;
    byId("status-action").hidden = !action;
    byId("status-action").textContent = action ? action[0] : "";
    this.statusAction = action?.[1];
  }
}

const spanText = (first, last) => (first === last ? `${first}` : `${first} – ${last}`);

function daysText(start, end) {
  const [first, last] = [start, end].map((moment) => moment?.slice(0, 10));
  if (first && last) return spanText(first, last);
  return first ? `from ${first}` : ""; // an end alone is when files were written, not when anything was acquired
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function clampedBox(text) {
  const [west, south, east, north] = text.split(",").map(Number);
  return [west, Math.max(-90, south), east, Math.min(90, north)].join(",");
}

function placeText(lat, lng, digits = 5) {
  const longitude = L.latLng(lat, lng).wrap().lng;
  return `${degreesText(lat, digits, "N", "S")} ${degreesText(longitude, digits, "E", "W")}`;
}

async function main() {
  try {
    const viewer = new Viewer(await ask("api/collection"));
    globalThis.viewer = viewer;
    viewer.start();
  } catch (error) {
    byId("title").textContent = "No collection";
    byId("failure-text").textContent = error.message;
    byId("failure").hidden = false;
  }
}

byId("retry").addEventListener("click", () => location.reload());
main();

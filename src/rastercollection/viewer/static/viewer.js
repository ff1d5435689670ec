// The viewer's page: a map of collections, served beside it. Talks to its own server only.

import { tellAbout } from "./about.js";
import { fragmentOf, toldOf } from "./address.js";
import { ask } from "./ask.js";
import { listCollections, loadCollection } from "./collection.js";
import { Compare } from "./compare.js";
import { Display } from "./display.js";
import { byId, element, option } from "./elements.js";
import { addGraticule } from "./graticule.js";
import { legendOf } from "./legend.js";
import { Measured } from "./measured.js";
import { placeText } from "./numbers.js";
import { Outlines } from "./outlines.js";
import { published } from "./picture.js";
import { showItems } from "./reading.js";
import { OVERZOOM, Side } from "./side.js";
import { Swipe } from "./swipe.js";

const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;

class Viewer {
  constructor(entries) {
    this.entries = entries;
    this.map = L.map("map", {
      attributionControl: false,
      zoomControl: false,
      preferCanvas: true,
      zoomAnimation: !isStill,
      fadeAnimation: !isStill,
      minZoom: 1,
    });
    L.control.zoom({ position: "topright" }).addTo(this.map);
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(this.map);
    this.map.getContainer().append(element("div", { className: "crosshair" }));
    const panes = ["left", "right"].map((name) => this.map.createPane(name));
    panes.forEach((pane) => (pane.style.zIndex = 200));
    this.sides = ["left", "right"].map((name) => new Side(this.map, name, () => this.tellTiles()));
    this.active = 0;
    this.turns = [null, null];
    this.values = new Map();
    this.spot = L.marker([0, 0], { interactive: false, keyboard: false, icon: L.divIcon({ className: "spot", iconSize: [14, 14] }) });
    this.swipe = new Swipe(this.map, panes, () => this.remember());
  }

  // what people at the console look at: the picture on the left, or the only one
  get layer() { return this.sides[0].layer; }
  get collection() { return this.sides[0].collection; }
  get summary() { return this.collection.summary; }
  get bounds() { return this.collection.bounds; }
  get outlines() { return this.footprints.items; }
  get isComparing() { return this.sides[1].collection !== null; }

  async start() {
    const told = toldOf(location.hash);
    const collection = await this.opened(told.left);
    this.map.setMaxZoom(collection.summary.maxzoom + OVERZOOM);
    if (told.place) this.map.setView([told.place.lat, told.place.lng], told.place.zoom, { animate: false });
    else this.fit(collection);
    this.footprints = new Outlines(this.map, (text) => this.tell(text, { alarm: true }));
    this.display = new Display(this.map, {
      change: (picture) => this.show(this.active, this.sides[this.active].collection, picture),
      tell: (text) => this.tell(text, { alarm: true }),
    });
    this.compare = new Compare(this);
    this.measured = new Measured(this.map, (latlng) => this.map.panTo(latlng, { animate: !isStill }), this.catalogKey());
    this.fillChooser();
    byId("controls").hidden = byId("about").hidden = byId("legend").hidden = false;
    for (const id of ["about", "adjust"]) byId(id).open = matchMedia("(min-width: 721px)").matches;
    this.show(0, collection, told.left.picture);
    await this.compareAs(told);
    this.veil(told);
    addGraticule(this.map);
    this.listen();
    this.moved();
  }

  listen() {
    const { map } = this;
    map.on("moveend", () => this.moved());
    map.on("zoomend", () => this.footprints.recolor());
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
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.footprints.recolor());
    byId("close").addEventListener("click", () => this.closeReading());
    byId("fit").addEventListener("click", () => this.fit(this.sides[this.active].collection));
    byId("copy").addEventListener("click", () => this.copyLink());
    byId("opacity").addEventListener("input", () => this.veil());
    byId("outlines").addEventListener("change", () => this.veil());
    byId("status-action").addEventListener("click", () => this.statusAction?.());
  }

  // what is shown

  /** The same for the same collections: another catalog may be served at this address another time. */
  catalogKey() {
    return JSON.stringify([location.pathname, ...this.entries.map(({ key, title }) => [key, title])]);
  }

  fillChooser() {
    byId("collection-field").hidden = this.entries.length < 2;
    byId("collection").replaceChildren(...this.entries.map(({ key, title }) => option(key, title)));
    byId("collection").addEventListener("change", (event) => this.choose(event.target.value));
  }

  /** The collection of a key, or the first where there is none of it; with its bands where the picture is of some. */
  async opened({ key, picture }) {
    const collection = await loadCollection(this.entries.find((entry) => entry.key === key) ?? this.entries.find((entry) => !entry.base));
    if (picture.bands) await collection.loadBands();
    return collection;
  }

  /** Opacity and outlines as the controls have them, or as a link told. */
  veil(told) {
    if (told) [byId("opacity").value, byId("outlines").checked] = [told.opacity, told.outlines];
    byId("opacity-value").textContent = `${byId("opacity").value} %`;
    for (const side of this.sides) side.setOpacity(byId("opacity").value / 100);
    this.footprints.toggle(byId("outlines").checked);
    this.remember();
  }

  /** Whether nothing else was asked for of a side since: what is asked for last is shown, whenever it is answered. */
  turn(number) {
    const turn = (this.turns[number] = Symbol("turn"));
    return () => this.turns[number] === turn;
  }

  /** Show another collection of the catalog. */
  async choose(key) {
    if (!(await this.open({ left: { key, picture: published("") } }, this.turn(0)))) return;
    this.activate(0);
    this.fit(this.collection);
  }

  /** Show on the left what was asked for, and go to its place; returns whether it is shown. */
  async open({ left, place = null }, isLatest) {
    try {
      const collection = await this.opened(left);
      if (!isLatest()) return false;
      if (place) this.map.setView([place.lat, place.lng], place.zoom, { animate: false });
      if (collection !== this.collection) this.closeReading();
      this.show(0, collection, left.picture);
      return true;
    } catch (error) {
      if (!isLatest()) return false;
      byId("collection").value = this.collection.key;
      this.tell(`The collection cannot be shown: ${error.message}`, { alarm: true });
      return false;
    }
  }

  /** Show a picture on a side, in legend and controls, too. */
  show(number, collection, picture) {
    const isKnown = (picture.bands ?? []).every((band) => band <= collection.bands.length);
    const known = { ...(isKnown ? picture : published("")), render: collection.render(picture.render).key };
    this.sides[number].draw(collection, known);
    this.map.setMaxZoom(Math.max(...this.shown().map((side) => side.collection.summary.maxzoom)) + OVERZOOM);
    if (number === 0) {
      tellAbout(collection);
      byId("collection").value = collection.key;
      this.footprints.of(collection);
    }
    this.describe();
    this.remember();
    if (!collection.bands.length) this.loadBands(collection);
  }

  /** Names, units and spreads come when all items are read. */
  async loadBands(collection) {
    try {
      await collection.loadBands();
      for (const side of this.shown()) side.draw(side.collection, side.picture);
      this.describe();
    } catch (error) {
      this.tell(`What the bands are cannot be told: ${error.message}`, { alarm: true });
    }
  }

  shown() {
    return this.sides.filter((side) => side.collection);
  }

  /** Legend and controls as the pictures are. */
  describe() {
    const sides = this.shown();
    byId("legends").replaceChildren(...sides.map((side, number) => {
      const values = side === this.readSide ? this.values : undefined;
      return legendOf(side.collection, side.picture, values, sides.length > 1 ? ["Left", "Right"][number] : "");
    }));
    const { collection, picture } = this.sides[this.active];
    this.display.show(collection, picture);
    this.compare.show();
  }

  /** Have the controls follow a side. */
  activate(number) {
    this.active = number;
    this.describe();
  }

  /** Show on the right what was asked for, or nothing; returns whether there is something now. */
  async compareAs({ right, swipe }, isLatest = this.turn(1)) {
    if (!isLatest()) return false;
    if (!right) {
      this.sides[1].clear();
      this.swipe.hide();
      this.activate(0);
      this.tellTiles();
      this.remember();
      return false;
    }
    try {
      const collection = await this.opened(right);
      if (!isLatest()) return false;
      this.swipe.isOn = true;
      this.swipe.percent = swipe;
      this.show(1, collection, right.picture);
      return true;
    } catch (error) {
      if (!isLatest()) return false;
      this.describe();
      this.tell(`There is nothing to compare with: ${error.message}`, { alarm: true });
      return false;
    }
  }

  // where the map is

  async goTo(hash) {
    const [isLeft, isRight] = [this.turn(0), this.turn(1)];
    if (hash === this.hash) return;
    const told = toldOf(hash);
    if (!(await this.open(told, isLeft))) return;
    await this.compareAs(told, isRight);
    if (isRight()) this.veil(told);
  }

  fit(collection) {
    const edge = Math.min(28, this.map.getSize().x * 0.02);
    this.map.fitBounds(collection.bounds, { padding: [edge, edge], maxZoom: collection.summary.maxzoom, animate: !isStill });
  }

  moved() {
    this.remember();
    this.tellPosition(this.map.getCenter());
    this.tellTiles();
    const magnified = this.map.getZoom() > this.summary.maxzoom + 1;
    this.map.getContainer().classList.toggle("magnified", magnified);
    this.footprints.load();
  }

  resized() {
    this.map.invalidateSize({ animate: false });
    if (!byId("reading").hidden) this.map.panInside(this.spot.getLatLng(), { padding: [24, 24], animate: false });
  }

  /** Keep what is shown in the page's address. */
  remember() {
    if (!this.map._loaded) return;
    const sides = this.shown().map(({ collection: { key, base }, picture }) => ({ key, base, picture }));
    const { lat, lng } = this.map.getCenter();
    const [opacity, outlines] = [Number(byId("opacity").value), byId("outlines").checked];
    this.hash = fragmentOf({ zoom: this.map.getZoom(), lat, lng, sides, swipe: this.swipe.percent, opacity, outlines });
    history.replaceState(null, "", this.hash);
  }

  async copyLink() {
    const field = byId("link");
    try {
      await navigator.clipboard.writeText(location.href);
      field.hidden = true;
      byId("copied").textContent = "Copied";
      setTimeout(() => (byId("copied").textContent = ""), 3000);
    } catch { // not allowed in this frame, or not at this address
      field.hidden = false;
      field.value = location.href;
      field.select();
      byId("copied").textContent = "Copy it from here:";
    }
  }

  tellPosition({ lat, lng }) {
    byId("position").textContent = `${placeText(lat, lng)} · zoom ${this.map.getZoom()}`;
  }

  // pixel values

  async read(latlng) {
    this.readRequest?.abort();
    this.readRequest = new AbortController();
    const place = latlng.wrap();
    const side = this.sides[this.swipe.sideAt(this.map.latLngToContainerPoint(latlng))];
    const { collection } = side;
    this.spot.setLatLng(latlng).addTo(this.map);
    byId("place").textContent = placeText(place.lat, place.lng, 6);
    byId("items").replaceChildren(element("p", { className: "hint" }, "Reading …"));
    byId("reading").hidden = false;
    byId("reading").scrollIntoView({ block: "nearest" });
    try {
      const answer = await ask(`${collection.base}api/point?lon=${place.lng}&lat=${place.lat}`, { signal: this.readRequest.signal });
      showItems(byId("items"), answer, collection);
      this.point(side, this.measured.add(latlng, answer, collection));
    } catch (error) {
      if (error.name === "AbortError") return;
      byId("items").replaceChildren(element("p", { className: "problem" }, `The pixel cannot be read: ${error.message}`));
    }
  }

  /** Show in the legend where the values of an item lie. */
  point(side, item) {
    this.readSide = side;
    this.values = new Map((item?.bands ?? []).map((band, index) => [index + 1, band.value]));
    this.describe();
  }

  closeReading() {
    if (byId("reading").hidden) return;
    this.readRequest?.abort();
    const hadFocus = byId("reading").contains(document.activeElement);
    byId("reading").hidden = true;
    this.spot.remove();
    this.point(null, null);
    if (hadFocus) this.map.getContainer().focus();
  }

  // the line at the top of the map

  tellTiles() {
    clearTimeout(this.patience);
    const sides = this.shown();
    const isLoading = sides.some((side) => side.isLoading);
    this.map.getContainer().setAttribute("aria-busy", String(isLoading));
    const drawnFrom = Math.max(...sides.map((side) => side.collection.summary.drawn_from));
    const problem = sides.map((side) => side.problem).find(Boolean);
    if (this.map.getZoom() < drawnFrom) {
      this.tell(`Pixels are shown from zoom ${drawnFrom} on.`, {
        action: ["Zoom in", () => this.map.setView(this.nearest(), drawnFrom)],
      });
    } else if (isLoading) {
      this.patience = setTimeout(() => this.tell("Drawing …", { busy: true }), 250);
    } else if (problem) {
      this.tell(`Some tiles cannot be drawn: ${problem}`, { alarm: true, action: ["Try again", () => sides.forEach((side) => side.redraw())] });
    } else {
      this.tell("");
    }
  }

  /** The middle of the map where an item is, else the middle of the item that is nearest to it. */
  nearest() {
    const center = this.map.getCenter();
    const every = this.outlines.getLayers().map((layer) => layer.getBounds());
    if (!every.length) return this.bounds.contains(center) ? center : this.bounds.getCenter();
    if (every.some((bounds) => bounds.contains(center))) return center;
    const middles = every.map((bounds) => bounds.getCenter());
    return middles.reduce((one, other) => (center.distanceTo(other) < center.distanceTo(one) ? other : one));
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

async function main() {
  try {
    const viewer = new Viewer(await listCollections());
    await viewer.start();
    globalThis.viewer = viewer;
  } catch (error) {
    byId("title").textContent = "No collection";
    byId("failure-text").textContent = error.message;
    byId("failure").hidden = false;
  }
}

byId("retry").addEventListener("click", () => location.reload());
main();

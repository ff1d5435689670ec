// Outlines of items: all at once where they are few, those of the map's part otherwise.

import { ask } from "./ask.js";
import { color } from "./elements.js";

const SEEN = 6; // pixels

/** Outlines of a collection's items, and a frame around it all. */
export class Outlines {
  constructor(map, failed) {
    Object.assign(this, { map, failed });
    this.items = L.geoJSON(null, {
      interactive: false,
      style: () => this.style(),
      coordsToLatLng: ([x, y]) => L.latLng(y, this.east > 180 && x < this.west - 1e-9 ? x + 360 : x),
    }).addTo(map);
    this.spots = L.layerGroup().addTo(map);
    this.frame = L.rectangle([[0, 0], [0, 0]], { interactive: false, fill: false, weight: 1, dashArray: "6 5" }).addTo(map);
  }

  /** Show those of another collection. */
  of(collection) {
    if (collection === this.collection) return;
    this.collection = collection;
    [this.west, , this.east] = collection.summary.bounds;
    this.hasAll = this.isAsked = false;
    this.items.clearLayers();
    this.frame.setBounds(collection.bounds);
    this.recolor();
    this.load();
  }

  /** Rings around items that would not be seen at this zoom. */
  spot() {
    this.spots.clearLayers();
    for (const item of this.items.getLayers()) {
      const bounds = item.getBounds();
      const size = this.map.project(bounds.getSouthEast()).subtract(this.map.project(bounds.getNorthWest()));
      if (Math.max(size.x, size.y) >= SEEN) continue;
      L.circleMarker(bounds.getCenter(), { interactive: false, radius: SEEN, weight: 2, fill: false, color: color("--edge") }).addTo(this.spots);
    }
  }

  toggle(isShown) {
    for (const layer of [this.items, this.spots, this.frame]) isShown ? layer.addTo(this.map) : layer.remove();
  }

  recolor() {
    this.frame.setStyle({ color: color("--soft") });
    this.spot();
    this.items.setStyle(this.style());
  }

  style() {
    return { color: color("--edge"), weight: Math.min(1.5, Math.max(0.2, this.itemPixels() / 12)), fill: false };
  }

  /** Length of an item's edge on the screen, about. */
  itemPixels() {
    const { bounds, summary } = this.collection;
    const size = this.map.project(bounds.getSouthEast()).subtract(this.map.project(bounds.getNorthWest()));
    return Math.sqrt((size.x * size.y) / Math.max(1, summary.items));
  }

  async load() {
    if (this.hasAll || !this.collection) return;
    this.request?.abort();
    this.request = new AbortController();
    const everything = this.isAsked ? "" : "-180,-90,180,90";
    const box = everything || this.map.getBounds().pad(0.2).toBBoxString();
    try {
      const found = await ask(`${this.collection.base}api/footprints?bbox=${clampedBox(box)}`, { signal: this.request.signal });
      this.hasAll = Boolean(everything) && found.numberReturned === found.numberMatched;
      this.items.clearLayers().addData(found);
      this.spot();
      if (everything && !this.hasAll) {
        this.isAsked = true;
        await this.load();
      }
    } catch (error) {
      if (error.name !== "AbortError") this.failed(`Outlines cannot be shown: ${error.message}`);
    }
  }
}

function clampedBox(text) {
  const [west, south, east, north] = text.split(",").map(Number);
  return [west, Math.max(-90, south), east, Math.min(90, north)].join(",");
}

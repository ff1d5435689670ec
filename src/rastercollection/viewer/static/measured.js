// The values that were read: a list, points on the map, and a file of comma-separated values. The tab keeps them when
// the page is loaded again, until it is closed.

import { byId, element } from "./elements.js";
import { isScaled, physical, placeText } from "./numbers.js";

/** A list in the panel, with a point on the map for each entry. */
export class Measured {
  constructor(map, show, key) {
    this.map = map;
    this.show = show;
    this.key = `measured ${key}`;
    this.points = L.layerGroup().addTo(map);
    byId("measured-save").addEventListener("click", () => this.save());
    byId("measured-clear").addEventListener("click", () => this.change([]));
    this.change(keptOf(this.key));
  }

  /** Keeps what was read at a place of a collection, where an item is there, which is returned. */
  add(latlng, answer, collection) {
    const item = topItem(answer.items);
    if (!item?.bands.length) return null;
    const entry = { latlng: { lat: latlng.lat, lng: latlng.lng }, lon: answer.lon, lat: answer.lat, collection: collection.summary.id, item };
    this.change([...this.entries, entry]);
    return item;
  }

  change(entries) {
    this.entries = entries;
    keep(this.key, entries);
    byId("measured").hidden = !entries.length;
    byId("measured-title").textContent = `Measured values (${entries.length})`;
    byId("measured-list").replaceChildren(...entries.map((entry, index) => this.row(entry, index)));
    this.points.clearLayers();
    entries.forEach((entry, index) => {
      const icon = L.divIcon({ className: "measured-point", html: element("span", {}, `${index + 1}`), iconSize: [18, 18] });
      this.points.addLayer(L.marker(entry.latlng, { interactive: false, keyboard: false, icon }));
    });
  }

  row(entry, index) {
    const place = element("button", { type: "button", className: "place" }, placeText(entry.lat, entry.lon));
    place.title = "Show this place";
    place.addEventListener("click", () => this.show(entry.latlng));
    const remove = element("button", { type: "button", className: "bare", "aria-label": `Remove value ${index + 1}` }, "✕");
    remove.addEventListener("click", () => {
      this.change(this.entries.filter((one) => one !== entry));
      (byId("measured-list").querySelectorAll(".bare")[Math.min(index, this.entries.length - 1)] ?? this.map.getContainer()).focus();
    });
    const values = entry.item.bands.map(({ value, ...band }) => `${band.name} ${typeof value === "number" ? physical(band, value) : "–"}`);
    return element("li", {}, element("div", {}, place, element("small", {}, entry.item.title), element("small", {}, values.join(" · "))), remove);
  }

  save() {
    const address = URL.createObjectURL(new Blob([csvOf(this.entries)], { type: "text/csv;charset=utf-8" }));
    const name = this.entries[0].collection.replace(/[^\w.-]+/g, "-") || "collection";
    const anchor = element("a", { href: address, download: `${name}-values.csv` });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
}

/** Where the browser keeps nothing, as in frames of other sites, the list lasts as long as the page. */
function keep(key, entries) {
  try {
    if (entries.length) sessionStorage.setItem(key, JSON.stringify(entries));
    else sessionStorage.removeItem(key);
  } catch { /* not allowed, or full */ }
}

function keptOf(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? [];
  } catch {
    return [];
  }
}

/** The item whose pixel the map shows: the first with a value. */
export function topItem(items) {
  return items.find((item) => item.bands.some((band) => band.value !== null)) ?? items[0];
}

/** Longitude, latitude, collection, item, time, and a column for each band; of scaled bands the stored values, too. */
export function csvOf(entries) {
  const told = entries.map(({ item }) => new Map(item.bands.flatMap(columnsOf)));
  const columns = [...new Set(told.flatMap((values) => [...values.keys()]))];
  const rows = entries.map(({ lon, lat, collection, item }, index) => [
    lon, lat, collection, item.id, item.when, ...columns.map((column) => told[index].get(column) ?? ""),
  ]);
  const head = ["lon", "lat", "collection", "item", "acquired", ...columns];
  return [head, ...rows].map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

function columnsOf(band) {
  const told = band.description && band.description !== band.name ? `${band.name} ${band.description}` : band.name;
  const isNumber = typeof band.value === "number";
  const meant = [band.unit ? `${told} (${band.unit})` : told, isNumber ? physical(band, band.value) : band.value];
  return isScaled(band) ? [meant, [`${told} stored`, band.value]] : [meant];
}

/** Texts in quotation marks where they need them; those that a spreadsheet would compute get an apostrophe. */
function cellOf(value) {
  if (typeof value !== "string") return String(value ?? "");
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

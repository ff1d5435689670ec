// A collection of the catalog, as the server tells of it.

import { ask } from "./ask.js";

const loaded = new Map();

/** The collections to choose among: key, title and what their addresses begin with. */
export async function listCollections() {
  return (await ask("api/collections")).collections;
}

/** A collection of the list; the one that is shown at first has no base. */
export function loadCollection(entry) {
  if (!loaded.has(entry.key)) {
    const loading = ask(`${entry.base}api/collection`).then((summary) => new Collection(entry, summary));
    loaded.set(entry.key, loading);
    loading.catch(() => loaded.delete(entry.key));
  }
  return loaded.get(entry.key);
}

class Collection {
  constructor(entry, summary) {
    this.key = entry.key;
    this.base = entry.base;
    this.title = summary.title || summary.id || entry.title;
    this.summary = summary;
    this.bands = [];
    const [west, south, east, north] = summary.bounds;
    this.bounds = L.latLngBounds([south, west], [north, east]);
    this.ramps = new Map(summary.ramps.map(({ name, colors }) => [name, colors]));
  }

  /** Names, units, classes and spreads of the bands, which take a while where there are many items. */
  async loadBands() {
    this.bandsAsked ??= ask(`${this.base}api/bands`).then(({ bands }) => (this.bands = bands));
    this.bandsAsked.catch(() => (this.bandsAsked = null));
    return this.bandsAsked;
  }

  /** A band by its number, or what is computed of bands by its expression; one of which nothing is known otherwise. */
  band(number) {
    if (typeof number === "string") return { ...this.band(0), number, name: number, dtype: "float64" };
    return (
      this.bands[number - 1] ?? {
        number, name: `b${number}`, description: "", unit: "", common_name: "", wavelength: null,
        scale: 1, offset: 0, dtype: "", classes: [], spread: null, percentiles: null,
      }
    );
  }

  render(key) {
    return this.summary.renders.find((render) => render.key === key) ?? this.summary.renders[0];
  }
}

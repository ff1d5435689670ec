// One picture on the map: the only one, or that on one side of the line between two.

import { tilesOf } from "./picture.js";
import { RasterLayer } from "./tiles.js";

export const OVERZOOM = 6;

/** Draws pictures of a collection in a pane of the map; `told` is called when something happens to its tiles. */
export class Side {
  constructor(map, pane, told) {
    Object.assign(this, { map, pane, told, collection: null, picture: null, layer: null, problem: "", opacity: 1 });
    this.stale = []; // shown until the new one is drawn
  }

  /** Show a picture of a collection. */
  draw(collection, picture) {
    const address = tilesOf(collection, picture);
    this.picture = picture;
    const isSame = collection === this.collection && address === this.address;
    this.collection = collection;
    if (isSame) return;
    this.address = address;
    if (this.layer) this.stale.push(this.layer);
    this.problem = "";
    this.layer = this.made(address);
    this.layer.addTo(this.map);
  }

  made(address) {
    const { summary, bounds } = this.collection;
    const layer = new RasterLayer(address, {
      pane: this.pane,
      bounds: summary.bounds[2] <= 180 ? bounds : undefined, // Leaflet compares within ±180°
      minZoom: summary.drawn_from,
      maxZoom: summary.maxzoom + OVERZOOM,
      // its pixels may be larger than the data's by up to a half
      maxNativeZoom: summary.maxzoom + 1,
      opacity: this.opacity,
    });
    layer.on("loading", () => this.told());
    layer.on("load", () => {
      if (layer === this.layer) this.stale.splice(0).forEach((old) => old.remove());
      this.told();
    });
    layer.on("tileerror", (event) => {
      if (layer === this.layer) this.problem = event.error.message;
    });
    return layer;
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.layer?.setOpacity(opacity);
  }

  redraw() {
    this.problem = "";
    this.layer.redraw();
  }

  clear() {
    this.stale.splice(0).forEach((old) => old.remove());
    this.layer?.remove();
    Object.assign(this, { collection: null, picture: null, layer: null, address: "", problem: "" });
  }

  get isLoading() {
    return Boolean(this.layer?.isLoading());
  }
}

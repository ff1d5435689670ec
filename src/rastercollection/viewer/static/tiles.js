// Map tiles that are fetched, not just shown: an answer that is an error can say what happened.

import { reasonOf } from "./ask.js";

/** A layer of tiles of 256 CSS pixels; on fine screens the server draws them with 512. */
export const RasterLayer = L.GridLayer.extend({
  initialize(template, options) {
    L.setOptions(this, options);
    const size = (globalThis.devicePixelRatio || 1) > 1.2 ? 512 : 256;
    this._template = `${template}${template.includes("?") ? "&" : "?"}tilesize=${size}`;
    this.on("tileunload", ({ tile }) => tile.forget());
  },

  createTile(coords, done) {
    const tile = document.createElement("img");
    const controller = new AbortController();
    tile.alt = "";
    tile.setAttribute("role", "presentation");
    tile.forget = () => {
      controller.abort();
      if (tile.src) URL.revokeObjectURL(tile.src);
    };
    const address = this._template.replace("{z}", coords.z).replace("{x}", coords.x).replace("{y}", coords.y);
    fill(tile, address, controller.signal).then(
      () => done(null, tile),
      (error) => error.name !== "AbortError" && done(error, tile),
    );
    return tile;
  },
});

async function fill(tile, address, signal) {
  let answer;
  try {
    answer = await fetch(address, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer. Is it still running?");
  }
  if (answer.status === 204) return; // nothing is there
  if (!answer.ok) throw new Error(await reasonOf(answer));
  tile.src = URL.createObjectURL(await answer.blob());
  await tile.decode();
}

// The controls of how a picture is made: renders, bands, colours, where they begin and end. They follow the picture of
// one side, and hand on another one.

import { byId, element, option } from "./elements.js";
import { OWN_RAMP, isAsPublished, isRamp, lookOf, published, shortName } from "./picture.js";
import { endTexts, stored } from "./numbers.js";
import { STRETCHES, rangesOf } from "./stretch.js";

const MANY = { 1: "One band", 3: "Three bands" };
const CHANNELS = ["Red", "Green", "Blue"];

/** Controls in the panel; `change` is given a picture, `tell` what went wrong. */
export class Display {
  constructor(map, { change, tell }) {
    Object.assign(this, { map, change, tell, collection: null, picture: null });
    byId("stretch").replaceChildren(...STRETCHES.flatMap(([title, choices]) => {
      const options = choices.map(([key, text]) => option(key, text));
      return title ? [element("optgroup", { label: title }, ...options)] : options;
    }));
    byId("stretch").addEventListener("change", (event) => this.stretch(event.target.value));
    byId("stretch-again").addEventListener("click", () => this.stretch(this.picture.stretch));
    byId("gamma").addEventListener("input", (event) => this.bend(Number(event.target.value)));
    byId("reset").addEventListener("click", () => this.change({ ...published(this.picture.render), bands: this.picture.bands }));
    byId("ramp").addEventListener("change", (event) => this.change({ ...this.picture, ramp: event.target.value }));
  }

  /** Follow a picture of a collection. */
  show(collection, picture) {
    const isOther = collection !== this.collection || collection.bands !== this.bands;
    if (picture !== this.picture) { // what was still to come was of another one
      this.request?.abort();
      clearTimeout(this.bending);
    }
    Object.assign(this, { collection, picture, bands: collection.bands });
    if (isOther) this.fill();
    this.look = lookOf(collection, picture);
    const way = picture.bands ? `*${picture.bands.length}` : picture.render;
    for (const input of document.querySelectorAll("#render-list input")) input.checked = input.value === way;
    this.showBands();
    this.showStretch();
  }

  fill() {
    const { renders, ramps } = this.collection.summary;
    const count = this.collection.bands.length;
    const own = [1, 3].filter((many) => count > 1 && many <= count);
    const choices = [...renders.map(({ key, title }) => [key, title]), ...own.map((many) => [`*${many}`, `${MANY[many]} …`])];
    byId("render-list").replaceChildren(...choices.map((choice) => this.renderChoice(...choice)));
    byId("renders").hidden = choices.length < 2;
    byId("ramp").replaceChildren(...ramps.map(({ name }) => option(name, name)), option(OWN_RAMP, "the render's own"));
  }

  renderChoice(value, title) {
    const input = element("input", { type: "radio", name: "render", value });
    input.addEventListener("change", () => this.chooseRender(value));
    return element("label", {}, input, element("span", {}, title));
  }

  chooseRender(value) {
    const many = /^\*[13]$/.test(value) && !this.collection.summary.renders.some(({ key }) => key === value) ? Number(value[1]) : 0;
    const first = this.collection.summary.renders[0].key;
    this.change(many ? { ...published(first), bands: this.firstBands(many) } : published(value));
  }

  /** Those that are shown, as far as they go. */
  firstBands(many) {
    const numbers = this.look.bands.filter((band) => typeof band === "number");
    const shown = numbers.length ? numbers : [1];
    const rest = this.collection.bands.map(({ number }) => number).filter((number) => !shown.includes(number));
    return [...shown, ...rest].slice(0, many);
  }

  showBands() {
    const { bands } = this.picture;
    byId("bands").hidden = !bands;
    if (!bands) return;
    const labels = bands.length === 1 ? ["Band"] : CHANNELS;
    const have = [...document.querySelectorAll("#bands label")].map((label) => label.firstChild.textContent);
    if (have.join() !== labels.join() || this.optionsOf !== this.collection.bands) this.makeBands(labels);
    document.querySelectorAll("#bands select").forEach((select, place) => (select.value = String(bands[place])));
  }

  makeBands(labels) {
    this.optionsOf = this.collection.bands;
    byId("bands").replaceChildren(...labels.map((label, place) => {
      const told = { id: `band-${place}`, "aria-label": label };
      const select = element("select", told, ...this.collection.bands.map((band) => option(String(band.number), shortName(band))));
      select.addEventListener("change", () => {
        const bands = this.picture.bands.with(place, Number(select.value));
        this.change({ ...published(this.picture.render), bands, gamma: this.picture.gamma, ramp: this.picture.ramp });
      });
      return element("label", {}, element("span", {}, label), select);
    }));
  }

  showStretch() {
    const { kind, ramp } = this.look;
    const { picture } = this;
    const canStretch = kind === "ramp" || kind === "channels";
    byId("adjust").hidden = !canStretch;
    byId("ramp-field").hidden = kind !== "ramp";
    this.showRamps(ramp);
    if (!canStretch) return;
    byId("stretch").value = picture.stretch;
    byId("stretch").querySelector("[value=published]").textContent = picture.bands ? "Usual" : "As published";
    byId("stretch-again").hidden = !picture.stretch.startsWith("seen");
    byId("gamma").value = String(picture.gamma);
    byId("gamma-value").textContent = picture.gamma.toFixed(2);
    byId("reset").disabled = isAsPublished(picture);
    this.showEnds();
  }

  /** The colours of one band; a render's own can be had where it has such. */
  showRamps(ramp) {
    const { look } = this.collection.render(this.picture.render);
    byId("ramp").querySelector(`[value=${OWN_RAMP}]`).hidden = Boolean(this.picture.bands) || !isRamp(look);
    if (ramp) byId("ramp").value = ramp;
  }

  /** Two numbers for each band, in its unit; kept while somebody types in them. */
  showEnds() {
    const target = byId("ends");
    const { bands, ranges } = this.look;
    if (this.endsOf !== bands.join() || this.endsIn !== this.collection.bands) {
      [this.endsOf, this.endsIn] = [bands.join(), this.collection.bands];
      target.replaceChildren(...bands.map((number, place) => this.endRow(this.collection.band(number), place, bands.length)));
    }
    const inputs = [...target.querySelectorAll("input")];
    ranges.forEach((ends, place) => endTexts(this.collection.band(bands[place]), ends).forEach((text, side) => {
      const input = inputs[2 * place + side];
      if (input !== document.activeElement) input.value = text;
    }));
  }

  endRow(band, place, count) {
    const name = count === 1 ? "Values" : CHANNELS[place];
    const inputs = ["from", "to"].map((side, index) => {
      const input = element("input", { type: "number", step: "any", "aria-label": `${name} ${side}` });
      input.addEventListener("change", () => this.setEnd(band, place, index, input));
      return input;
    });
    const unit = element("span", { className: "unit" }, band.unit);
    return element("div", { className: "ends" }, element("span", {}, name), inputs[0], element("span", {}, "–"), inputs[1], unit);
  }

  setEnd(band, place, index, input) {
    const value = stored(band, input.valueAsNumber);
    const ends = this.look.ranges[place].with(index, value);
    const isRange = Number.isFinite(value) && ends[0] < ends[1];
    input.setAttribute("aria-invalid", String(!isRange));
    if (isRange) this.change({ ...this.picture, ranges: this.look.ranges.with(place, ends), stretch: "own" });
  }

  /** Ends by a choice of the list, which may have to be counted. */
  async stretch(key) {
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    try {
      const ranges = await rangesOf(key, this.collection, this.picture, this.map.getBounds(), signal);
      if (signal.aborted) return; // meanwhile it is another picture
      this.change({ ...this.picture, ranges, stretch: key });
      this.tell("");
    } catch (error) {
      if (error.name === "AbortError") return;
      byId("stretch").value = this.picture.stretch;
      this.tell(`The stretch cannot be changed: ${error.message}.`);
    }
  }

  bend(gamma) {
    byId("gamma-value").textContent = gamma.toFixed(2);
    clearTimeout(this.bending);
    this.bending = setTimeout(() => this.change({ ...this.picture, gamma }), 120);
  }
}

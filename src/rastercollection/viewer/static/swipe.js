// The line between two pictures: dragged, or moved by arrow keys. It clips their panes.

import { element } from "./elements.js";

const STEPS = { ArrowLeft: -2, ArrowRight: 2, ArrowDown: -2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };

/** A divider over the map; `moved` is told where it was left, in percent from the left. */
export class Swipe {
  constructor(map, panes, moved) {
    Object.assign(this, { map, panes, moved, percent: 50, isOn: false });
    this.tags = ["left", "right"].map((side) => element("span", { className: `tag ${side}` }));
    this.handle = element("div", {
      className: "handle", role: "slider", tabIndex: 0, "aria-label": "Line between the two pictures",
      "aria-valuemin": "0", "aria-valuemax": "100",
    });
    this.line = element("div", { id: "swipe", hidden: true }, ...this.tags, this.handle);
    map.getContainer().parentElement.append(this.line);
    map.on("move zoomend resize viewreset", () => this.clip());
    this.handle.addEventListener("pointerdown", (event) => this.handle.setPointerCapture(event.pointerId));
    this.handle.addEventListener("pointermove", (event) => {
      if (!this.handle.hasPointerCapture(event.pointerId)) return;
      const box = map.getContainer().getBoundingClientRect();
      this.place((100 * (event.clientX - box.left)) / box.width);
    });
    this.handle.addEventListener("pointerup", () => this.moved(this.percent));
    this.handle.addEventListener("keydown", (event) => {
      if (!(event.key in STEPS)) return;
      event.preventDefault();
      this.place(this.percent + STEPS[event.key]);
      this.moved(this.percent);
    });
  }

  /** Shows the line, with what is on both sides of it. */
  show(percent, titles) {
    this.isOn = true;
    this.line.hidden = false;
    this.tags.forEach((tag, index) => (tag.textContent = titles[index]));
    this.place(percent);
  }

  hide() {
    this.isOn = false;
    this.line.hidden = true;
    this.clip();
  }

  place(percent) {
    this.percent = Math.round(Math.min(100, Math.max(0, percent)) * 10) / 10;
    this.line.style.left = `${this.percent}%`;
    this.handle.setAttribute("aria-valuenow", Math.round(this.percent));
    this.handle.setAttribute("aria-valuetext", `${Math.round(this.percent)} % from the left`);
    this.clip();
  }

  /** Which of the two pictures is at a point of the map's container: 0 or 1. */
  sideAt({ x }) {
    return this.isOn && x > (this.map.getSize().x * this.percent) / 100 ? 1 : 0;
  }

  clip() {
    const [left, right] = this.panes;
    if (!this.isOn) {
      left.style.clipPath = right.style.clipPath = "";
      return;
    }
    const size = this.map.getSize();
    const middle = (size.x * this.percent) / 100;
    left.style.clipPath = this.box(0, middle, size.y);
    right.style.clipPath = this.box(middle, size.x, size.y);
  }

  /** In the coordinates of panes, which move with the map. */
  box(from, to, height) {
    const corners = [[from, 0], [to, 0], [to, height], [from, height]].map((corner) => this.map.containerPointToLayerPoint(corner));
    return `polygon(${corners.map(({ x, y }) => `${x}px ${y}px`).join(", ")})`;
  }
}

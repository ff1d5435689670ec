// Choosing what to compare with, and which side the controls are of.

import { byId, element, option } from "./elements.js";
import { lookOf, published } from "./picture.js";

/** The list of what to compare with, and two choices of a side. */
export class Compare {
  constructor(viewer) {
    this.viewer = viewer;
    byId("compare").addEventListener("change", (event) => this.choose(event.target.value));
    for (const input of document.querySelectorAll("[name=side]")) {
      input.addEventListener("change", () => viewer.activate(Number(input.value)));
    }
  }

  /** `render:` and `in:` lead keys of renders and collections. */
  async choose(value) {
    const { viewer } = this;
    const [kind, key] = [value.slice(0, value.indexOf(":")), value.slice(value.indexOf(":") + 1)];
    const right = { render: { key: viewer.collection.key, picture: published(key) }, in: { key, picture: published("") } }[kind];
    if (await viewer.compareAs({ right: right ?? null, swipe: viewer.swipe.percent })) viewer.activate(1);
  }

  /** As the pictures are. */
  show() {
    const { viewer } = this;
    const [left, right] = viewer.sides;
    this.fill(left.collection);
    byId("compare").value = chosen(left, right);
    byId("sides").hidden = byId("compared").hidden = !viewer.isComparing;
    for (const input of document.querySelectorAll("[name=side]")) input.checked = Number(input.value) === viewer.active;
    if (!viewer.isComparing) return;
    const titles = viewer.sides.map(({ collection, picture }) => {
      const { title } = lookOf(collection, picture);
      return left.collection === right.collection ? title : `${collection.title}: ${title}`;
    });
    viewer.swipe.show(viewer.swipe.percent, titles);
    byId("compared").textContent = `Left of the line: ${titles[0]}. Right of it: ${titles[1]}.`;
  }

  fill(collection) {
    if (this.filledFor === collection) return;
    this.filledFor = collection;
    const renders = collection.summary.renders.map(({ key, title }) => option(`render:${key}`, title));
    const others = this.viewer.entries.filter(({ key }) => key !== collection.key).map(({ key, title }) => option(`in:${key}`, title));
    byId("compare").replaceChildren(
      option("", "Nothing"),
      element("optgroup", { label: "This collection" }, ...renders),
      ...(others.length ? [element("optgroup", { label: "Other collections" }, ...others)] : []),
    );
  }
}

function chosen(left, right) {
  if (!right.collection) return "";
  return right.collection === left.collection ? `render:${right.picture.render}` : `in:${right.collection.key}`;
}

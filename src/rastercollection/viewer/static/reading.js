// The panel with pixel values. Every text of the data goes through text nodes.

import { element, link } from "./elements.js";
import { topItem } from "./measured.js";
import { isScaled, momentText, numberText, physical } from "./numbers.js";

/** What stands in the panel for the answer of api/point; the collection knows what classes are called. */
export function showItems(target, answer, collection) {
  if (!answer.items.length) {
    target.replaceChildren(element("p", { className: "hint" }, "No item of the collection is here."));
    return;
  }
  const top = topItem(answer.items);
  const others = answer.items.filter((item) => item !== top);
  const itemCard = (item) => cardOf(item, collection);
  const unread = answer.count - answer.items.length;
  const parts = [itemCard(top)];
  if (others.length) {
    const more = element("details", { className: "more" });
    const count = others.length + unread;
    more.append(element("summary", {}, `${count} more ${count === 1 ? "item" : "items"} here`), ...others.map(itemCard));
    if (unread > 0) more.append(element("p", { className: "hint" }, `Values of ${unread} more were not read.`));
    parts.push(more);
  }
  target.replaceChildren(...parts);
}

function cardOf(item, collection) {
  const picture = item.thumbnail ? element("img", { src: item.thumbnail, alt: "", loading: "lazy" }) : null;
  if (picture) picture.addEventListener("error", () => picture.remove());
  const about = element(
    "div",
    {},
    element("div", { className: "name" }, item.title),
    item.id === item.title ? null : element("small", {}, item.id),
    item.when ? element("small", {}, momentText(item.when)) : null,
    element("div", { className: "links" }, link(item.item_href, "STAC item"), cogLink(item)),
  );
  const card = element("div", { className: "item" }, element("div", { className: "top" }, picture, about));
  if (item.problem) card.append(element("p", { className: "problem" }, item.problem));
  if (item.bands.length) card.append(bandTable(item.bands, collection));
  return card;
}

function cogLink(item) {
  const made = link(item.cog_href, "COG");
  made.title = item.address;
  return made;
}

function bandTable(bands, collection) {
  const rows = bands.map((band, index) => {
    const name = element("th", { scope: "row" }, element("b", {}, band.name));
    if (band.description) name.append(" ", element("span", {}, band.description));
    return element("tr", {}, name, element("td", {}, ...valueParts(band, collection.band(index + 1).classes)));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function valueParts(band, classes) {
  if (band.value === null) return [element("span", { className: "none" }, "no data")];
  const unit = band.unit ? ` ${band.unit}` : "";
  const named = classes.find(({ value }) => value === band.value);
  if (named) return [element("b", {}, String(band.value)), ` ${named.name}`];
  if (!isScaled(band)) return [element("b", {}, numberText(band.value, band.dtype)), unit];
  if (typeof band.value !== "number") return [element("b", {}, String(band.value))];
  const meant = numberText(physical(band, band.value), "float64");
  return [element("b", {}, meant), unit, " ", element("small", {}, `stored ${numberText(band.value, band.dtype)}`)];
}

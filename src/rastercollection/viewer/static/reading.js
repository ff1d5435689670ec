// The panel with pixel values. Every text of the data goes through textContent.

/** An element with properties and children; texts become text nodes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value !== null && value !== undefined) made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A link that opens apart from the map. */
export function link(href, text) {
  return element("a", { href, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** What stands in the panel for the answer of api/point. */
export function showItems(target, answer) {
  if (!answer.items.length) {
    target.replaceChildren(element("p", { className: "hint" }, "No item of the collection is here."));
    return;
  }
  const [top, others] = withTopFirst(answer.items);
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

/** The item whose pixel the map shows: the first with a value. */
function withTopFirst(items) {
  const index = items.findIndex((item) => item.bands.some((band) => band.value !== null));
  const top = items[Math.max(0, index)];
  return [top, items.filter((item) => item !== top)];
}

function itemCard(item) {
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
  if (item.bands.length) card.append(bandTable(item.bands));
  return card;
}

function cogLink(item) {
  const made = link(item.cog_href, "COG");
  made.title = item.address;
  return made;
}

function bandTable(bands) {
  const rows = bands.map((band) => {
    const name = element("th", { scope: "row" }, element("b", {}, band.name));
    if (band.description) name.append(" ", element("span", {}, band.description));
    return element("tr", {}, name, element("td", {}, ...valueParts(band)));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function valueParts(band) {
  if (band.value === null) return [element("span", { className: "none" }, "no data")];
  const unit = band.unit ? ` ${band.unit}` : "";
  if (band.scale === 1 && band.offset === 0) return [element("b", {}, numberText(band.value, band.dtype)), unit];
  if (typeof band.value !== "number") return [element("b", {}, String(band.value))];
  const physical = numberText(Number((band.value * band.scale + band.offset).toPrecision(10)), "float64");
  return [element("b", {}, physical), unit, " ", element("small", {}, `stored ${numberText(band.value, band.dtype)}`)];
}

/** A number with as many digits as its data type has; what is no number as it is. */
export function numberText(value, dtype) {
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(dtype === "float32" ? 7 : 12)));
}

/** 2019-07-14 06:12 UTC, a day, or an interval of days. */
export function momentText(when) {
  const parts = when.split("/");
  if (parts.length === 2) return [...new Set(parts.map((part) => part.slice(0, 10)))].join(" – ");
  return `${when.slice(0, 16).replace("T", " ")} UTC`;
}

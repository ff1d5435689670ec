// What the panel says of the collection.

import { byId, element, link } from "./elements.js";
import { daysText, spanText } from "./numbers.js";

/** Title, facts, licence and so on. */
export function tellAbout(collection) {
  const { summary } = collection;
  document.title = collection.title;
  byId("title").textContent = collection.title;
  const facts = [
    [summary.items.toLocaleString("en"), summary.items === 1 ? "item" : "items"],
    [daysText(...summary.interval), ""],
    ["", `zoom ${spanText(summary.minzoom, summary.maxzoom)}`],
  ].filter((fact) => fact.some(Boolean));
  byId("facts").replaceChildren(...facts.map(([strong, text]) => element("li", {}, element("b", {}, strong), ` ${text}`)));
  byId("description").textContent = summary.description;
  const license = summary.license_url ? link(summary.license_url, summary.license) : summary.license;
  const providers = summary.providers.flatMap((one, index) => [index ? ", " : "", one.url ? link(one.url, one.name) : one.name]);
  const details = [
    ["Licence", license ? [license] : []],
    ["Source", providers],
    ["Id", [summary.id]],
    ["Published at", [summary.address]],
  ].filter(([, parts]) => parts.length);
  byId("details").replaceChildren(...details.flatMap(([name, parts]) => [element("dt", {}, name), element("dd", {}, ...parts)]));
}

// Making elements. Every text of the data goes through text nodes.

export const byId = (id) => document.getElementById(id);

/** The value of a custom property of the page's style. */
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** An element with properties and children; texts become text nodes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("aria-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A link that opens apart from the map. */
export function link(href, text) {
  return element("a", { href, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** A choice of a select element. */
export const option = (value, text) => element("option", { value }, text);

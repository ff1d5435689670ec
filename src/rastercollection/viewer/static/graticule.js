// Lines of longitude and latitude behind the data, in place of a base map, and their labels at the edges.

const STEPS = [90, 45, 30, 15, 10, 5, 2, 1];
const APART = 110; // pixels between two lines, about

/** Draws on two canvases of the map's container: lines behind all panes, labels before them. */
export function addGraticule(map) {
  const container = map.getContainer();
  const [lines, labels] = ["lines", "labels"].map((name) => {
    const canvas = document.createElement("canvas");
    canvas.className = `graticule ${name}`;
    canvas.setAttribute("aria-hidden", "true");
    container.prepend(canvas);
    return canvas;
  });
  const draw = () => drawAll(map, lines, labels);
  map.on("move zoomend resize viewreset", draw);
  map.on("zoomanim", () => container.classList.add("zooming"));
  map.on("zoomend", () => container.classList.remove("zooming"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
}

/** A round step of degrees, at least `rough`. */
export function roundStep(rough) {
  if (rough >= 1) return [...STEPS].reverse().find((step) => step >= rough) ?? 90;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.9999);
}

function drawAll(map, lines, labels) {
  const size = map.getSize();
  const [back, front] = [lines, labels].map((canvas) => prepared(canvas, size));
  const colors = getComputedStyle(document.documentElement);
  const color = (name) => colors.getPropertyValue(name).trim();
  const bounds = map.getBounds();
  const degrees = (bounds.getEast() - bounds.getWest()) / size.x;
  const step = roundStep(Math.max(degrees * APART, 1e-6));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  back.strokeStyle = color("--grid");
  back.lineWidth = 1;
  front.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  front.lineWidth = 3;
  front.lineJoin = "round";
  front.strokeStyle = color("--water");
  front.fillStyle = color("--soft");
  const middle = map.getCenter();
  for (const value of multiples(bounds.getWest(), bounds.getEast(), step)) {
    const x = Math.round(map.latLngToContainerPoint([middle.lat, value]).x) + 0.5;
    line(back, x, 0, x, size.y);
    if (x > 60 && x < size.x - 80) label(front, degreesText(wrapped(value), digits, "E", "W"), x, 8, "center", "top");
  }
  for (const value of multiples(Math.max(bounds.getSouth(), -85), Math.min(bounds.getNorth(), 85), step)) {
    const y = Math.round(map.latLngToContainerPoint([value, middle.lng]).y) + 0.5;
    line(back, 0, y, size.x, y);
    if (y > 40 && y < size.y - 60) label(front, degreesText(value, digits, "N", "S"), 8, y, "left", "middle");
  }
}

function prepared(canvas, size) {
  const ratio = devicePixelRatio || 1;
  canvas.width = size.x * ratio;
  canvas.height = size.y * ratio;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function* multiples(low, high, step) {
  for (let index = Math.ceil(low / step); index <= Math.floor(high / step); index += 1) yield index * step;
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function label(context, text, x, y, align, baseline) {
  context.textAlign = align;
  context.textBaseline = baseline;
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

const wrapped = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

/** 71.5°E; no letter where there is no side. */
export function degreesText(value, digits, positive, negative) {
  const text = Math.abs(value).toFixed(digits);
  const side = Number(text) === 0 || Number(text) === 180 ? "" : value > 0 ? positive : negative;
  return `${text}°${side}`;
}

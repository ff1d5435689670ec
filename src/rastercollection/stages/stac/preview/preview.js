"use strict";
(() => {
  const controls = document.querySelector(".controls");
  if (!controls) return;
  const days = (controls.elements.day?.dataset.days ?? "").split(" ").filter(Boolean);
  const dated = document.querySelectorAll(".layers image, a.tile, tbody tr");
  const show = () => {
    const { opacity, day, outlines } = controls.elements;
    const wanted = day ? days[day.value - 1] : undefined;
    document.querySelector(".layers").style.opacity = opacity.value / 100;
    document.querySelector(".map").classList.toggle("bare", !outlines.checked);
    for (const one of dated) one.classList.toggle("other", wanted !== undefined && one.dataset.day !== wanted);
    if (day) {
      controls.querySelector("output").value = wanted ?? "all days";
      day.setAttribute("aria-valuetext", wanted ?? "all days");
    }
  };
  controls.addEventListener("input", show);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.hidden = false;
  show();
})();

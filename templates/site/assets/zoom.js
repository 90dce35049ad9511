// A figure can be enlarged in its place: with the buttons, with + − 0 on the keyboard, or by a double click.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const picture = document.getElementById("picture");
  if (!picture) {
    return;
  }
  const region = document.getElementById("zoom");
  const sizes = [50, 75, 100, 150, 200, 300, 400, 600];
  let at = sizes.indexOf(100);
  const show = (next, x = 0.5, y = 0.5) => {
    at = Math.max(0, Math.min(sizes.length - 1, next));
    picture.style.width = `${sizes[at]}%`;
    document.getElementById("size").textContent = `${sizes[at]} %`;
    region.scrollLeft = x * picture.clientWidth - region.clientWidth / 2;
    region.scrollTop = y * picture.clientHeight - region.clientHeight / 2;
  };
  const steps = { in: () => show(at + 1), out: () => show(at - 1), fit: () => show(sizes.indexOf(100)) };
  const keys = { "+": "in", "=": "in", "-": "out", 0: "fit" };
  document.getElementById("controls").hidden = false;
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", steps[button.dataset.zoom]);
  }
  region.addEventListener("keydown", (event) => {
    if (keys[event.key] && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      steps[keys[event.key]]();
    }
  });
  picture.addEventListener("dblclick", (event) => {
    show(sizes[at] > 100 ? sizes.indexOf(100) : sizes.indexOf(300), event.offsetX / picture.clientWidth, event.offsetY / picture.clientHeight);
  });
  show(at);
});

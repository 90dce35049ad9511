// Light, dark, or as the system has it: chosen with the button, remembered where the browser allows it.
"use strict";
(() => {
  const names = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const order = Object.keys(names);
  const remembered = () => {
    try {
      return localStorage.getItem("sd-theme");
    } catch {
      return null;
    }
  };
  const remember = (theme) => {
    try {
      localStorage.setItem("sd-theme", theme);
    } catch {
      // not allowed: the choice lasts as long as the page
    }
  };
  let theme = order.includes(remembered()) ? remembered() : "auto";
  const show = () => document.documentElement.setAttribute("data-theme", theme);
  show();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.textContent = names[theme];
    button.addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      remember(theme);
      button.textContent = names[theme];
      show();
    });
  });
})();

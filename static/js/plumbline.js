/* What makes pages handier; every one of them works without it. */
(() => {
  "use strict";

  const announce = (text) => {
    const place = document.getElementById("announce");
    if (place) place.textContent = text;
  };

  const typing = (element) =>
    element instanceof HTMLElement &&
    (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));

  // the last of them: a page's own search field stands after the one in the menu
  const searchField = () =>
    [...document.querySelectorAll("[data-slash]")].filter((field) => field.offsetParent !== null).at(-1);

  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) {
      const field = searchField();
      event.preventDefault();
      if (field) {
        field.focus();
        field.select();
      } else {
        document.querySelector(".topbar a[aria-label='Search']")?.click();
      }
    }
    if (event.key === "Escape" && location.hash === "#menu") document.querySelector("[data-menu-close]")?.click();
  });

  document.addEventListener("click", async (event) => {
    const opener = event.target.closest("[data-menu-open]");
    if (opener) requestAnimationFrame(() => document.querySelector("[data-menu-close]")?.focus());
    if (event.target.closest("[data-menu-close]")) document.querySelector("[data-menu-open]")?.focus();

    const copier = event.target.closest("[data-copy]");
    if (copier) {
      try {
        await navigator.clipboard.writeText(copier.dataset.copy);
        announce("Copied");
      } catch {
        announce("Copying is not allowed here");
      }
    }
  });

  const ready = (root) => {
    if (navigator.clipboard) root.querySelectorAll("[data-copy]").forEach((button) => (button.hidden = false));
    // regions that scroll sideways can be reached by keyboard; the others are no stop on the way
    root.querySelectorAll(".table-region, pre").forEach((region) => {
      const scrolls = region.scrollWidth > region.clientWidth + 1 || region.scrollHeight > region.clientHeight + 1;
      if (!scrolls && region.dataset.scrolls === undefined) region.removeAttribute("tabindex");
    });
  };
  document.addEventListener("DOMContentLoaded", () => ready(document));
  document.addEventListener("htmx:load", (event) => ready(event.target));
})();

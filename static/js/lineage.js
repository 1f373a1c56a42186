/* Handier lineage pictures: the focus in the middle, dragging, zooming. Without this the picture scrolls. */
(() => {
  "use strict";

  const smallest = 0.15;
  const largest = 2;

  const centre = (region, box) => {
    const frame = region.getBoundingClientRect();
    const place = box.getBoundingClientRect();
    region.scrollLeft += place.left + place.width / 2 - frame.left - frame.width / 2;
    region.scrollTop += place.top + place.height / 2 - frame.top - frame.height / 2;
  };

  const begin = (region) => {
    const svg = region.querySelector("svg.picture");
    if (!svg || region.dataset.ready) return;
    region.dataset.ready = "yes";
    const width = Number(svg.getAttribute("width"));
    const height = Number(svg.getAttribute("height"));
    let scale = 1;

    const zoom = (to) => {
      const next = Math.min(largest, Math.max(smallest, to));
      const middleX = (region.scrollLeft + region.clientWidth / 2) / scale;
      const middleY = (region.scrollTop + region.clientHeight / 2) / scale;
      scale = next;
      svg.setAttribute("width", Math.round(width * scale));
      svg.setAttribute("height", Math.round(height * scale));
      region.scrollLeft = middleX * scale - region.clientWidth / 2;
      region.scrollTop = middleY * scale - region.clientHeight / 2;
    };

    const controls = region.closest("section")?.querySelector("[data-zoom]");
    if (controls) {
      controls.hidden = false;
      controls.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        if (button.dataset.zoomFit !== undefined) {
          zoom(Math.min(1, (region.clientWidth - 2) / width, (region.clientHeight - 2) / height));
        } else {
          zoom(scale * Number(button.dataset.zoomBy));
        }
      });
    }
    region.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        zoom(scale * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
      },
      { passive: false },
    );

    // Drag the ground; a click on a box stays a click.
    let from = null;
    region.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0 || event.target.closest("a")) return;
      from = { x: event.clientX + region.scrollLeft, y: event.clientY + region.scrollTop };
      region.classList.add("dragged");
      region.setPointerCapture(event.pointerId);
    });
    region.addEventListener("pointermove", (event) => {
      if (!from) return;
      region.scrollLeft = from.x - event.clientX;
      region.scrollTop = from.y - event.clientY;
    });
    const drop = () => {
      from = null;
      region.classList.remove("dragged");
    };
    region.addEventListener("pointerup", drop);
    region.addEventListener("pointercancel", drop);

    const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const box = named && region.contains(named) ? named : region.querySelector(".box.focus");
    if (box) centre(region, box);
  };

  const ready = (root) => root.querySelectorAll?.(".picture-region").forEach(begin);

  window.addEventListener("hashchange", () => {
    const box = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const region = box?.closest(".picture-region");
    if (region) centre(region, box);
  });
  document.addEventListener("DOMContentLoaded", () => {
    ready(document);
    const print = document.querySelector("[data-print]");
    if (print) {
      print.hidden = false;
      print.addEventListener("click", () => window.print());
    }
  });
  window.addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((part) => (part.open = true)));
  document.addEventListener("htmx:load", (event) => ready(event.target.parentElement ?? document));
})();

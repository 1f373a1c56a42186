/* Draws the figures that the server made, in the page's own colours; see lineage/pages/charts.py. */
(() => {
  "use strict";

  // light-dark() and color-mix() are resolved by the browser itself, on a probe
  const colour = (variable) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${variable})`;
    document.body.append(probe);
    const context = document.createElement("canvas").getContext("2d");
    context.fillStyle = getComputedStyle(probe).color;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    probe.remove();
    return `rgb(${red}, ${green}, ${blue})`;
  };

  const SERIES = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6", "--series-7", "--series-8"];

  const draw = (place) => {
    const figure = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    const target = place.querySelector(".chart");
    target.hidden = false;
    const text = colour("--quiet");
    const grid = colour("--tblr-border-color");
    const axis = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, tickfont: { color: text }, automargin: true, fixedrange: true };
    const few = target.clientWidth < 500 ? { nticks: 4 } : {};
    const layout = {
      ...figure.layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      colorway: SERIES.map(colour),
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: text },
      margin: { l: 40, r: 8, t: 8, b: 28 },
      xaxis: { ...axis, tickangle: 0, ...few, ...figure.layout.xaxis },
      yaxis: { ...axis, rangemode: "tozero", ...figure.layout.yaxis },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal", font: { color: text } },
      showlegend: figure.data.length > 1,
      hoverlabel: { bgcolor: colour("--raised"), bordercolor: grid, font: { color: colour("--tblr-body-color") } },
    };
    window.Plotly.react(target, figure.data, layout, { displayModeBar: false, responsive: true });
  };

  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

  document.addEventListener("DOMContentLoaded", () => {
    if (!window.Plotly) return;
    drawAll();
    document.querySelectorAll("[data-chart] details").forEach((table) => (table.open = false));
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  });
})();

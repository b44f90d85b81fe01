// Draws the plots, follows the run, and lets a click on a curve lead to the tasks of its step.
"use strict";
(() => {
  const root = document.body.dataset.root;
  const plots = () => [...document.querySelectorAll("[data-plot]")];

  // The learner step of a point, and the role and kind of its curve, as an address.
  const tasksOf = (point) => {
    const step = Number(point.customdata ?? point.x);
    const { kind = "", role = "" } = point.data.meta || {};
    // A step trains on what was credited before it: on episodes that carry the number before, or its own.
    const query = new URLSearchParams({ kind, role, low: Math.max(0, step - 1), high: step });
    return `${root}/tasks?${query}`;
  };

  // All curves of the panel are hovered at once; the one nearest to the pointer is meant.
  const nearest = ({ points, event }) => {
    const y = event.clientY - event.target.getBoundingClientRect().top;
    const away = (point) => Math.abs(point.yaxis.l2p(point.y) - y);
    return points.reduce((best, point) => (away(point) < away(best) ? point : best));
  };

  const draw = (place, figure) => {
    const first = !place.classList.contains("js-plotly-plot");
    const layout = { ...figure.layout, uirevision: place.dataset.plot };
    return Plotly.react(place, figure.data, layout, { displayModeBar: false, responsive: true }).then(() => {
      place.dataset.points = Math.max(0, ...figure.data.map((trace) => trace.x.length));
      const steps = figure.layout.xaxis.title.text === "learner step" || figure.data.some((trace) => trace.customdata);
      if (first && steps) {
        place.on("plotly_click", (event) => { location.href = tasksOf(nearest(event)); });
        place.classList.add("clickable");
      }
    });
  };

  const refresh = async () => {
    const places = plots();
    if (!document.getElementById("plots")) return;
    // With the origin: an address that was opened with a password in it can not be fetched from by a bare path.
    const answer = await fetch(`${location.origin}${root}/figures.json`);
    if (!answer.ok) return;
    const figures = await answer.json();
    // A plot that was not there when the page was rendered needs a card with its heading.
    if (Object.keys(figures).some((name) => !places.some((place) => place.dataset.plot === name))) {
      location.reload();
      return;
    }
    await Promise.all(places.map((place) => figures[place.dataset.plot] && draw(place, figures[place.dataset.plot])));
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  };

  document.body.addEventListener("run-changed", refresh);
  if (document.getElementById("plots")) refresh();

  const colours = document.getElementById("colours");
  if (colours) {
    const choose = (colour) => {
      document.body.dataset.colour = colour;
      for (const button of colours.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.colour === colour));
      localStorage.setItem("colour", colour);
    };
    colours.addEventListener("click", (event) => { if (event.target.dataset.colour) choose(event.target.dataset.colour); });
    choose(["advantage", "version", "probability"].find((name) => name === localStorage.getItem("colour")) || "advantage");
  }
})();

// Before the first paint: the theme that was chosen, or the system's; and long tables are short until it is over.
(() => {
  const root = document.documentElement.dataset;
  const chosen = localStorage.getItem("theme");
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.theme = chosen === "dark" || chosen === "light" ? chosen : system;
  if (!PerformanceObserver.supportedEntryTypes?.includes("paint")) return;
  root.firstPaint = "";
  new PerformanceObserver(() => delete root.firstPaint).observe({ type: "paint", buffered: true });
})();

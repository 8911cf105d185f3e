// Puts the server's drawing into every `.chart`, shows what a mark says beside the pointer, and changes the theme.
const MOST_STRETCHED = 1.15; // A drawing whose box has become wider or narrower than this is fetched anew.

function say(box, text, retry) {
  const message = document.createElement("p");
  message.className = retry ? "empty error" : "empty";
  message.textContent = text;
  box.replaceChildren(message);
  if (retry) {
    message.setAttribute("role", "alert");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Try again";
    button.addEventListener("click", () => load(box));
    box.append(button);
  }
  box.setAttribute("aria-busy", "false");
}

function widthOf(box) {
  const least = parseFloat(getComputedStyle(box).getPropertyValue("--least-width")) || 0;
  return Math.max(box.clientWidth, least);
}

async function load(box) {
  box.setAttribute("aria-busy", "true");
  try {
    const width = widthOf(box);
    const answer = await fetch(`${box.dataset.url}&width=${width}`);
    if (answer.status === 204) return say(box, box.dataset.empty, false);
    if (!answer.ok) return say(box, (await answer.json()).error ?? `The server answered ${answer.status}.`, true);
    const target = document.createElement("div");
    target.className = "plot";
    target.setAttribute("role", "graphics-document");
    target.setAttribute("aria-label", box.getAttribute("aria-label"));
    target.innerHTML = await answer.text();
    box.replaceChildren(target);
    box.dataset.width = width;
    box.setAttribute("aria-busy", "false");
    performance.mark("drawn");
  } catch (error) {
    say(box, `The chart could not be loaded (${error.message}). Is the dashboard still running?`, true);
  }
}

const tooltip = document.createElement("div");
tooltip.id = "tooltip";
tooltip.hidden = true;
tooltip.setAttribute("aria-hidden", "true"); // The mark itself says it to those who listen.

// The label of a whole line or area is that of its first point only; the points on it have their own.
const MARKS = ".plot [role=graphics-symbol][aria-label]:not(.role-axis, .role-legend, .mark-line *, .mark-area *)";

function showTooltip(mark, x, y) {
  tooltip.hidden = !mark;
  if (!mark) return;
  tooltip.textContent = mark.getAttribute("aria-label").replaceAll("; ", "\n");
  tooltip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - tooltip.offsetWidth - 8))}px`;
  tooltip.style.top = `${y + 14 + tooltip.offsetHeight < innerHeight ? y + 14 : y - 14 - tooltip.offsetHeight}px`;
}

document.body.append(tooltip);
document.addEventListener("pointermove", (event) => {
  showTooltip(event.target.closest(MARKS), event.clientX, event.clientY);
});
document.addEventListener("focusin", (event) => {
  const mark = event.target.querySelector(MARKS);
  const place = mark?.getBoundingClientRect();
  if (event.target.matches(".plot a")) showTooltip(mark, place.right, place.bottom);
});
document.addEventListener("focusout", () => showTooltip(null));
document.addEventListener("keydown", (event) => event.key === "Escape" && showTooltip(null));
document.addEventListener("scroll", () => showTooltip(null), { capture: true, passive: true });

document.querySelector("[data-toggle-theme]").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
});

// Who works here is asked once: the name goes with every form.
const who = document.querySelector("[data-remember=who]");
if (who && !who.value) who.value = localStorage.getItem("who") ?? ""; // what was typed before this ran stays
document.querySelectorAll(".actions form").forEach((form) => {
  form.addEventListener("submit", () => {
    const name = who?.value ?? localStorage.getItem("who") ?? "";
    if (name) localStorage.setItem("who", name);
    if (form.elements.by.type === "hidden") form.elements.by.value = name;
  });
});

// A click on a heading sorts the table by it; a second one turns the order round.
function keyOf(cell) {
  const text = cell.textContent.trim();
  if (cell.classList.contains("k-when")) return Date.parse(text) || -Infinity;
  const number = Number(text.replaceAll(",", "").replace(/ (%|d|h|min|s)$/, ""));
  const unit = { d: 86400, h: 3600, min: 60 }[text.match(/^[\d.,]+ (d|h|min)$/)?.[1]] ?? 1;
  return text !== "" && Number.isFinite(number) ? number * unit : text.toLowerCase();
}

function sortTable(table, column, descending) {
  const first = table.tBodies[0];
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]).map((row) => [keyOf(row.cells[column]), row]);
  const compare = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? 1 : -1);
  rows.sort(([a], [b]) => (descending ? compare(b, a) : compare(a, b)));
  first.append(...rows.map(([, row]) => row));
  table.querySelectorAll("thead th").forEach((th, n) => {
    if (n === column) th.setAttribute("aria-sort", descending ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  });
}

function makeSortable(table) {
  table.querySelectorAll("thead th").forEach((th, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = th.textContent;
    button.addEventListener("click", () => sortTable(table, column, th.getAttribute("aria-sort") === "ascending"));
    th.replaceChildren(button);
  });
}

document.querySelectorAll(".table table").forEach(makeSortable);

// News come without losing the place: figures and rows are exchanged, the order of a table and what is typed stay.
function renew(fresh) {
  for (const part of [".tiles", ".status .pill", ".asof", ".progress"]) {
    const [old, young] = [document.querySelector(part), fresh.querySelector(part)];
    if (old && young && old.outerHTML !== young.outerHTML) old.replaceWith(young);
  }
  document.querySelectorAll("section.table").forEach((old) => {
    const young = fresh.getElementById(old.id);
    if (!young || old.contains(document.activeElement) || !getSelection().isCollapsed) return;
    const sorted = [...old.querySelectorAll("thead th")].findIndex((th) => th.hasAttribute("aria-sort"));
    const descending = old.querySelector("th[aria-sort=descending]") !== null;
    const scroll = old.querySelector(".scroll")?.scrollTop ?? 0;
    old.replaceChildren(...young.children);
    const table = old.querySelector("table");
    if (!table) return;
    makeSortable(table);
    if (sorted >= 0) sortTable(table, sorted, descending);
    old.querySelector(".scroll").scrollTop = scroll;
  });
  document.querySelectorAll(".chart[data-width]").forEach(load);
}

const main = document.querySelector("main[data-refresh]");
let seen;
async function look() {
  if (document.hidden) return;
  try {
    const now = (await (await fetch(main.dataset.health)).json()).refreshed_at;
    if (seen && now !== seen) {
      const answer = await fetch(location.href);
      if (answer.ok) renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
    seen = now;
  } catch {
    // The dashboard is being started again: the next look finds it.
  }
}
if (main) {
  look();
  setInterval(look, Math.max(1, Number(main.dataset.refresh)) * 1000);
}

let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    document.querySelectorAll(".chart[data-width]").forEach((box) => {
      const ratio = widthOf(box) / box.dataset.width;
      if (ratio > MOST_STRETCHED || ratio < 1 / MOST_STRETCHED) load(box);
    });
  }, 200);
});

document.querySelectorAll(".chart[data-url]").forEach(load);

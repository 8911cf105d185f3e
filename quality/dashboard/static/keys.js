// One stop of the Tab key for the rows of a table and for the marks of a chart: the arrow keys lead on from there.
// Without it 484 checks are more than a thousand stops before whatever stands below them.
const FEWEST_LINKS = 4; // Fewer are reached one by one.

function groupsOf(box) {
  const groups = box.matches("table") ? [...box.tBodies].flatMap((body) => [...body.rows]) : [...box.querySelectorAll("a")];
  return groups.filter((group) => linksOf(group).length);
}

function linksOf(group) {
  return group.matches("a") ? [group] : [...group.querySelectorAll("a")];
}

function rove(box) {
  if (box.querySelectorAll(box.matches("table") ? "tbody a" : "a").length < FEWEST_LINKS) return;
  groupsOf(box).forEach((group, place) => {
    linksOf(group).forEach((link) => link.setAttribute("tabindex", place ? "-1" : "0"));
  });
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const box = event.target.matches?.("a[tabindex]") && event.target.closest("table, .plot");
  const step = STEPS[event.key];
  if (!box || !step || event.ctrlKey || event.altKey || event.metaKey) return;
  if (box.matches("table") && event.key.match(/Left|Right/)) return; // Tab leads through a row.
  const groups = groupsOf(box);
  const from = groups.findIndex((group) => group.contains(event.target));
  const to = groups[Math.min(Math.max(from + step, 0), groups.length - 1)];
  const nth = linksOf(groups[from]).indexOf(event.target);
  event.preventDefault();
  linksOf(groups[from]).forEach((link) => link.setAttribute("tabindex", "-1"));
  linksOf(to).forEach((link) => link.setAttribute("tabindex", "0"));
  (linksOf(to)[nth] ?? linksOf(to)[0]).focus();
});

// Drawings come later, and rows are sorted and exchanged.
new MutationObserver((changes) => {
  const boxes = new Set();
  for (const { target } of changes) {
    const box = target.closest?.("table") ?? target.closest?.(".chart")?.querySelector(".plot");
    if (box) boxes.add(box);
    target.querySelectorAll?.("table, .plot").forEach((inner) => boxes.add(inner));
  }
  const here = document.activeElement; // Who is among the rows stays where they are.
  boxes.forEach((box) => (here.matches("a") && box.contains(here)) || rove(box));
}).observe(document.querySelector("main"), { childList: true, subtree: true });
document.querySelectorAll(".table table").forEach(rove);

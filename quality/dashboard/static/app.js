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
if (who) who.value = localStorage.getItem("who") ?? "";
document.querySelectorAll(".actions form").forEach((form) => {
  form.addEventListener("submit", () => {
    const name = who?.value ?? localStorage.getItem("who") ?? "";
    if (name) localStorage.setItem("who", name);
    if (form.elements.by.type === "hidden") form.elements.by.value = name;
  });
});

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

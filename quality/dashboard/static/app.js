// Draws every `.chart` from its JSON endpoint, and changes between light and dark.
const themeUrl = document.currentScript.dataset.themeUrl;
const themes = {};
const drawn = new Map();
const vegaFiles = document.currentScript.dataset.vega.split(" ").filter(Boolean);

// Vega is run after the first paint: its 800 kB would hold it up. Data are asked for meanwhile.
const vegaIsThere = new Promise((resolve, reject) => {
  requestAnimationFrame(() => setTimeout(() => {
    vegaFiles.forEach((file, i) => {
      const script = document.createElement("script");
      script.src = file;
      script.async = false;
      script.addEventListener("error", () => reject(new Error(`${file} is missing`)));
      if (i === vegaFiles.length - 1) script.addEventListener("load", resolve);
      document.head.append(script);
    });
  }));
});

const theme = () => document.documentElement.dataset.theme;

async function config() {
  const name = theme();
  themes[name] ??= fetch(themeUrl.replace("THEME", name)).then((answer) => answer.json());
  return themes[name];
}

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

async function load(box) {
  box.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(box.dataset.url);
    const body = await answer.json();
    if (!answer.ok) return say(box, body.error ?? `The server answered ${answer.status}.`, true);
    if (body.empty) return say(box, box.dataset.empty, false);
    drawn.set(box, body.spec);
    await draw(box);
  } catch (error) {
    say(box, `The chart could not be loaded (${error.message}). Is the dashboard still running?`, true);
  }
}

async function draw(box) {
  await vegaIsThere;
  const target = document.createElement("div");
  target.className = "plot";
  box.replaceChildren(target);
  await vegaEmbed(target, drawn.get(box), {
    renderer: "svg",
    actions: false,
    ast: true,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true, theme: "custom" },
    config: await config(),
  });
  box.setAttribute("aria-busy", "false");
  box.dataset.drawn = theme();
  performance.mark("drawn");
}

document.querySelector("[data-toggle-theme]").addEventListener("click", () => {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
  drawn.forEach((_, box) => draw(box));
});

document.querySelectorAll(".chart[data-url]").forEach(load);

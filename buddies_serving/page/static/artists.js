"use strict";

let latest = 0;

function entry(artist, facts) {
  const item = document.createElement("li");
  const linked = /^https?:\/\//.test(artist.url || "");
  const name = document.createElement(linked ? "a" : "span");
  name.textContent = artist.name;
  if (linked) {
    name.href = artist.url;
    name.rel = "noreferrer";
  }
  const small = document.createElement("small");
  small.className = "facts";
  small.textContent = facts;
  item.append(name, small);
  return item;
}

function why(artist) {
  if (artist.reason === "because") return `because of ${artist.because_of}`;
  return artist.reason === "alike" ? "listeners alike have it" : "popular";
}

function told(found) {
  const from = `${found.experiment}, version ${found.version}`;
  if (!found.popular) return `Listener ${found.userid} in ${from}.`;
  const known = found.taste.length
    ? `Nothing is left that listener ${found.userid} does not have already`
    : `Listener ${found.userid} is not known`;
  return `${known}: these are the artists that most listeners have (${from}).`;
}

function draw(found) {
  byId("sides").hidden = false;
  byId("no-taste").hidden = found.taste.length > 0;
  byId("list-title").textContent = found.popular ? "Popular with everybody" : "Recommended";
  byId("taste").replaceChildren(
    ...found.taste.map((artist) => entry(artist, count(artist.plays, "play", "plays"))),
  );
  byId("list").replaceChildren(
    ...found.recommended_artist.map((artist) =>
      entry(artist, `${why(artist)} · ${count(artist.listeners || 0, "listener", "listeners")}`),
    ),
  );
}

async function show() {
  const mine = ++latest;
  const wanted = { userid: byId("user").value.trim(), item_to_recommend: 10 };
  if (byId("experiment").value) wanted.experiment = byId("experiment").value;
  byId("ask-error").textContent = "";
  say("Looking …");
  byId("sides").hidden = true;
  try {
    if (!wanted.userid) throw new Error("Name a listener.");
    const found = await call("/recommend/?detail=1", wanted);
    if (mine !== latest) return;
    draw(found);
    say(told(found));
  } catch (problem) {
    if (mine !== latest) return;
    say("");
    byId("ask-error").textContent = plainly(problem);
  }
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
whenKeyed(show);
show();

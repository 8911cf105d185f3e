"use strict";

// Songs for the listener whose playlists are shown. What is played, liked or skipped is told to the service at once, and
// the next list counts it. `call`, `plainly` and `byId` are those of listener.js.
const TRACKS = 10;
const DONE = { play: "You played", like: "You like", skip: "Not for you:" };
let listening = null;
let newest = 0;

function titleOfTrack(song) {
  return song.title || "A song without a known title";
}

function factsOfTrack(song) {
  return [song.artist, song.release, song.year || ""].filter(Boolean).join(" · ");
}

function drawTracks(songs) {
  byId("tracks-list").replaceChildren(
    ...songs.map((song) => {
      const item = byId("track").content.cloneNode(true);
      const name = titleOfTrack(song);
      item.querySelector("h3").textContent = name;
      item.querySelector(".facts").textContent = factsOfTrack(song);
      const why = song.why.text;
      item.querySelector(".why").textContent = why.charAt(0).toUpperCase() + why.slice(1);
      for (const [kind, chosen] of [["play", ".play"], ["like", ".love"], ["skip", ".skip"]]) {
        const button = item.querySelector(chosen);
        button.setAttribute("aria-label", `${button.textContent.replace(/[^\w\s]/g, "").trim()}: ${name}`);
        button.addEventListener("click", () => tell(kind, song, name));
      }
      return item;
    }),
  );
}

async function showTracks(said = "") {
  const mine = ++newest;
  const listener = listening;
  if (listener === null) {
    byId("tracks").hidden = true;
    return;
  }
  try {
    const found = await call("/api/songs/recommend/", { user_id: listener.number ?? listener.user, k: TRACKS });
    if (mine !== newest) return;
    byId("tracks").hidden = false;
    drawTracks(found.songs);
    const about = found.case === "popular" ? "We do not know your songs yet: these are favourites of all listeners." : "";
    const none = found.songs.length ? "" : "No song is left for this listener.";
    byId("tracks-status").textContent = [said, about, none].filter(Boolean).join(" ");
  } catch (problem) {
    if (mine !== newest) return;
    // no songs are made here: the page is one of playlists
    byId("tracks").hidden = /fitted yet/.test(problem.message);
    byId("tracks-list").replaceChildren();
    byId("tracks-status").textContent = plainly(problem);
  }
}

async function tell(kind, song, name) {
  for (const button of byId("tracks-list").querySelectorAll("button")) button.disabled = true;
  const listener = listening;
  const event = { kind, song: { id: song.id }, id: crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}` };
  try {
    await call("/api/events/", { user_id: listener.number ?? listener.user, events: [event] });
  } catch (problem) {
    for (const button of byId("tracks-list").querySelectorAll("button")) button.disabled = false;
    byId("tracks-status").textContent = problem.retryable ? "That could not be stored just now. Please try again." : plainly(problem);
    return;
  }
  if (listener !== listening) return;
  await showTracks(`${DONE[kind]} “${name}”. The list counts it.`);
  byId("tracks-title").focus();
}

document.addEventListener("listener", (event) => {
  listening = event.detail;
  byId("tracks-list").replaceChildren();
  byId("tracks-status").textContent = "";
  showTracks();
});

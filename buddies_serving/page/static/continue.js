"use strict";

const TYPING_MILLISECONDS = 150;
const LONGEST_ADDRESS = 8000;
const KINDS = ["much rarer ones", "rarer ones", "rather rare ones", "a little rarer", "as it comes", "a little better known", "rather known ones", "well-known ones", "the best-known ones"];
const turnedRound = new Map();
let answer = null;
let own = [];
let dropped = [];
let fresh = null;
let drawn = false;
let latest = 0;

function inPlainWords(problem) {
  if (/fitted yet/.test(problem.message)) return "This service has not learned that from playlists yet. Whoever runs it finds how in its documentation.";
  return plainly(problem);
}

function taskOf() {
  return document.querySelector("[name=task]:checked").value;
}

// What is asked, from the form as it stands; raises an Error where it cannot be asked.
function wish() {
  const lines = readTracks(byId("songs").value);
  const [title, pid] = [byId("title").value.trim(), byId("pid").value.trim()];
  if (!lines.length && !title && !pid) throw new Error("Name at least one song, or the name of your playlist.");
  if (pid && !/^\d{1,15}$/.test(pid)) throw new Error("The number of a playlist is made of digits.");
  const next = taskOf() === "next";
  if (next && !lines.length) throw new Error("What comes next depends on your songs: name at least one.");
  const body = {
    tracks: lines.map(({ line, track }) => (turnedRound.get(line) ? turned(track) : track)),
    n: Number(byId("n").value),
    max_per_artist: Number(byId("most").value),
    popularity: Number(byId("popularity").value),
    exclude: dropped,
    fresh,
  };
  if (!next) {
    Object.assign(body, { title, order: byId("flow").checked ? "flow" : "score", odds: true });
    if (pid) body.playlist = Number(pid);
    if (drawn) body.threshold = Math.max(Number(byId("threshold").value), 1) / 100;
  }
  return { lines, body, path: next ? "/api/track/next/" : "/api/playlist/continue/" };
}

// Titles and artists are told apart by their order alone: where a song is not known, the other order is tried once.
async function asked({ lines, body, path }) {
  const found = await call(path, body);
  const shown = Math.min(lines.length, 500);
  const last = lines.slice(lines.length - shown);
  const knownOf = (told) => told.known.slice(told.known.length - shown);
  const tried = last.filter(({ line, track }, place) => !knownOf(found)[place] && typeof track !== "string" && !turnedRound.has(line));
  if (!tried.length) return { found, last, known: knownOf(found) };
  for (const { line } of tried) turnedRound.set(line, true);
  const again = await call(path, wish().body);
  const better = again.known.filter(Boolean).length > found.known.filter(Boolean).length;
  last.forEach(({ line }, place) => turnedRound.set(line, Boolean(better && turnedRound.get(line) && knownOf(again)[place])));
  return { found: better ? again : found, last, known: knownOf(better ? again : found) };
}

async function show(focus = false) {
  const mine = ++latest;
  byId("ask-error").textContent = "";
  try {
    const wanted = wish();
    say("Looking …");
    const { found, last, known } = await asked(wanted);
    if (mine !== latest) return;
    answer = found.tracks;
    own = last.filter((_, place) => known[place]);
    draw();
    say(told(found, last.filter((_, place) => !known[place])));
    remember();
  } catch (problem) {
    if (mine !== latest) return;
    answer = null;
    draw();
    say("");
    byId("ask-error").textContent = inPlainWords(problem);
    return;
  }
  if (focus) byId("list-title").focus();
}

function told(found, unknown) {
  if (!found.tracks.length) return drawn ? "No song is that likely. Move the line to the left." : "No song is left.";
  const missing = unknown.length ? ` Not known to us, and counted by their artists alone: ${unknown.slice(0, 5).map(({ line }) => line).join(", ")}${unknown.length > 5 ? ` and ${unknown.length - 5} more` : ""}.` : "";
  const count = `${found.tracks.length} ${found.tracks.length === 1 ? "song" : "songs"}${drawn ? ", drawn among those that are likely enough" : ""}.`;
  return count + missing;
}

function draw() {
  byId("with").hidden = byId("keep-hint").hidden = !answer || !answer.length;
  byId("keep").disabled = false;
  byId("found").replaceChildren(
    ...(answer || []).map((song) => {
      const item = byId("song").content.cloneNode(true);
      item.querySelector("h3").textContent = song.title;
      item.querySelector(".facts").textContent = [song.artist, likely(song.probability)].filter(Boolean).join(" · ");
      item.querySelector(".why").textContent = reasonOf(song.why);
      const [add, drop] = [item.querySelector(".add"), item.querySelector(".drop")];
      add.setAttribute("aria-label", `Add ${song.title} to your songs`);
      drop.setAttribute("aria-label", `Not this: ${song.title}`);
      add.addEventListener("click", () => added(song));
      drop.addEventListener("click", () => {
        dropped.push(song.track_uri);
        show(true);
      });
      return item;
    }),
  );
  const sure = (answer || []).some((song) => song.probability !== undefined && song.probability !== null);
  byId("sure").hidden = !sure && !drawn;
  dim();
}

function added(song) {
  const field = byId("songs");
  const text = field.value.replace(/\s+$/, "");
  field.value = `${text}${text ? "\n" : ""}${oneLine(song.title)} – ${oneLine(song.artist)}\n`;
  show(true);
}

// Which of the songs shown are likely enough, as the line moves; nothing is asked before "Draw".
function dim() {
  const least = Number(byId("threshold").value) / 100;
  const songs = answer || [];
  const items = byId("found").children;
  songs.forEach((song, place) => items[place].classList.toggle("unlikely", least > 0 && song.probability < least));
  const enough = songs.filter((song) => song.probability >= least).length;
  byId("threshold-said").textContent = least > 0 ? `${Math.round(least * 100)} %` : "any";
  byId("threshold-hint").textContent = least > 0 ? `${enough} of the ${songs.length} songs shown are that likely. Drawing takes any that are, in no order.` : "";
  byId("draw").hidden = least === 0;
}

// Who keeps playlists from this browser: a name of chance, so that they are told from those of others.
function keeper() {
  const known = localStorage.getItem("keeper");
  if (known) return known;
  const made = `client:${[...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  localStorage.setItem("keeper", made);
  return made;
}

// The songs of the listener and those found are saved one after another: the order is what training learns from.
async function keep() {
  const typed = own.map(({ line, track }) => (turnedRound.get(line) ? turned(track) : track));
  const songs = [...typed.map((track) => (typeof track === "string" ? { id: track } : track)), ...answer.map((song) => ({ id: song.track_uri }))].slice(-500);
  const now = Date.now();
  const events = songs.map((song, place) => ({ kind: "save", song, created_at: new Date(now - songs.length + place).toISOString() }));
  byId("keep").disabled = true;
  try {
    await call("/api/events/", { user_id: keeper(), events });
    say("Thank you: the playlist is kept.");
  } catch (problem) {
    byId("keep").disabled = false;
    say(inPlainWords(problem));
  }
}

function file(form) {
  const type = { txt: "text/plain", m3u: "audio/x-mpegurl", csv: "text/csv" }[form];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([written(form, answer)], { type: `${type};charset=utf-8` }));
  link.download = `${byId("title").value.trim().replace(/[^\w -]/g, "").slice(0, 60) || "playlist"}.${form}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// The songs are in the fragment, which no server is sent.
function remember() {
  const state = { songs: byId("songs").value, title: byId("title").value, pid: byId("pid").value, task: taskOf() };
  const kept = Object.entries(state).filter(([, value]) => value);
  const fragment = new URLSearchParams(kept).toString();
  if (fragment.length < LONGEST_ADDRESS) history.replaceState(null, "", `#${fragment}`);
}

function restore() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const name of ["songs", "title", "pid"]) if (state.has(name)) byId(name).value = state.get(name);
  const task = document.querySelector(`[name=task][value="${state.get("task") === "next" ? "next" : "continue"}"]`);
  task.checked = true;
  return state.has("songs") || state.has("title") || state.has("pid");
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  [dropped, fresh, drawn] = [[], null, false];
  byId("threshold").value = 0;
  show(true);
});
byId("others").addEventListener("click", () => {
  fresh = (fresh ?? 0) + 1;
  show(true);
});
byId("draw").addEventListener("click", () => {
  drawn = true;
  fresh = (fresh ?? 0) + 1;
  show(true);
});
byId("threshold").addEventListener("input", () => {
  dim();
  if (drawn && Number(byId("threshold").value) === 0) {
    drawn = false;
    show();
  }
});
byId("popularity").addEventListener("input", () => {
  byId("popularity-said").textContent = KINDS[Number(byId("popularity").value) * 2 + 4];
});
for (const button of document.querySelectorAll("[data-form]")) button.addEventListener("click", () => file(button.dataset.form));
byId("keep").addEventListener("click", keep);
byId("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(written("txt", answer));
    say("The songs are copied.");
  } catch {
    say("This browser does not let us copy. Save the songs as text instead."); // it says why to nobody
  }
});
whenKeyed(begin);

// Songs that are known, for the line that the cursor is in.
let typing = null;
let newest = 0;
byId("songs").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(suggest, TYPING_MILLISECONDS);
});

async function suggest() {
  const field = byId("songs");
  const start = field.value.lastIndexOf("\n", field.selectionStart - 1) + 1;
  const stop = field.value.indexOf("\n", field.selectionStart);
  const typed = field.value.slice(start, stop < 0 ? field.value.length : stop).trim();
  const mine = ++newest;
  let found = [];
  if (typed.length >= 2 && !OTHER_LINK.test(typed)) {
    try {
      found = (await call(`/api/tracks?search=${encodeURIComponent(typed)}&limit=6`)).tracks;
    } catch {
      found = []; // suggestions are a help: without them the form still says what is wrong
    }
  }
  if (mine !== newest) return;
  const lines = found.map((song) => `${oneLine(song.title)} – ${oneLine(song.artist)}`);
  offer(lines, field, start, stop < 0 ? field.value.length : stop + 1);
}

async function begin() {
  if (restore()) return show();
  try {
    const popular = (await call("/api/tracks?limit=3")).tracks;
    byId("songs").placeholder = popular.map((song) => `${song.title} – ${song.artist}`).join("\n");
    say("Name a few songs or a title, and the songs that go with them appear here.");
  } catch (problem) {
    say(inPlainWords(problem));
  }
}

addEventListener("hashchange", begin);
begin();

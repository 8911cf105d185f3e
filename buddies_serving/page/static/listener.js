"use strict";

const LENGTH = 5;
const LAST = 50;
const UNDO_MILLISECONDS = 6000;
const TYPING_MILLISECONDS = 150;
const KNOWN_BY_MANY = 20;
const INVITATION = "Pick a listener, or name a few songs, and five playlists appear here.";
const NO_PLAYLISTS = /^No model is served yet/;

let shown = null;
let latest = 0;
let waiting = null;

function facts(card) {
  const parts = [count(card.tracks, "song", "songs")];
  if (card.followers >= KNOWN_BY_MANY) parts.push(count(card.followers, "follower", "followers"));
  return parts.join(" · ");
}

function closeness(similarity) {
  if (similarity >= 0.5) return "a very close taste";
  return similarity >= 0.2 ? "a close taste" : "some taste in common";
}

function reason(why) {
  if (!why || why.kind === "most-liked") return "A favourite of our listeners";
  const songs = why.shared_songs ? `${count(why.shared_songs, "song", "songs")} of yours in it` : "";
  if (why.kind === "likes") return songs ? `Like what you liked: ${songs}` : "Close to what you liked";
  if (why.kind === "songs") return songs || "Close to what you play";
  const whose = why.kind === "fits" ? "Fits listener" : "From buddy";
  return `${whose} ${why.buddy}, ${closeness(why.similarity)}${songs ? `; ${songs}` : ""}`;
}

function calledBy(user) {
  if (user.startsWith("client:")) return user.slice("client:".length);
  return user.length === 40 ? `${user.slice(0, 8)}…` : user;
}

function titleOf(card) {
  return card.name.trim() || "Untitled playlist";
}

function clear(title) {
  shown = null;
  document.dispatchEvent(new CustomEvent("listener", { detail: null }));
  byId("list-title").textContent = title;
  byId("playlists").replaceChildren();
  byId("more").hidden = true;
}

function draw(cards, canLike) {
  const list = byId("playlists");
  list.replaceChildren();
  for (const card of cards) {
    const item = byId("card").content.cloneNode(true);
    const name = titleOf(card);
    item.querySelector("h3").textContent = name;
    item.querySelector(".facts").textContent = facts(card);
    item.querySelector(".why").textContent = canLike ? reason(card.why) : "";
    const songs = (card.why && card.why.songs) || [];
    item.querySelector(".songs").textContent = songs.map((song) => `${song.title} – ${song.artist}`).join(" · ");
    const open = item.querySelector(".open");
    open.setAttribute("aria-label", `Open ${name}`);
    open.addEventListener("click", () => attempt(byId("user-error"), () => showPlaylist(card), true));
    const button = item.querySelector(".like");
    button.setAttribute("aria-label", `Like ${name}`);
    button.addEventListener("click", () => like(card, name));
    if (!canLike) button.remove();
    list.append(item);
  }
}

async function showPlaylist(card) {
  const detail = await call(`/api/playlists/${card.playlist}`);
  byId("detail-title").textContent = titleOf(detail);
  const known = detail.songs.length;
  const rest = detail.tracks > known ? `; ${count(known, "is", "are")} known to us` : "";
  byId("detail-facts").textContent = `${count(detail.tracks, "song", "songs")}${rest}`;
  byId("detail-songs").replaceChildren(
    ...detail.songs.map((song) => {
      const line = document.createElement("li");
      line.textContent = `${song.title} – ${song.artist}`;
      return line;
    }),
  );
  byId("detail").showModal();
}

async function showUser(user, skip = 0, thanks = "") {
  const mine = ++latest;
  say(thanks || "Looking …");
  let list;
  try {
    list = await call(`/api/users/${encodeURIComponent(user)}/recommendations?k=${LENGTH}&skip=${skip}&explain=true`);
  } catch (problem) {
    if (!NO_PLAYLISTS.test(problem.message) || !(await songsAlone(user, mine))) throw problem;
    return;
  }
  if (mine !== latest) return;
  shown = { user, list, skip };
  byId("list-title").textContent = `Playlists for listener ${calledBy(user)}`;
  draw(list.playlists, true);
  document.dispatchEvent(new CustomEvent("listener", { detail: { user, number: list.user } }));
  const about = list.cold ? "We do not know this listener yet: these are favourites of all listeners." : "";
  say([thanks, about].filter(Boolean).join(" ") || count(list.playlists.length, "playlist", "playlists"));
  if (!list.playlists.length) say(`${thanks} No ${skip ? "other " : ""}playlist is left for this listener.`.trim());
  byId("more").hidden = list.playlists.length < LENGTH || skip + 2 * LENGTH > LAST;
}

// Where songs are served and no playlists, a listener is whoever the plays or the client call so: whether there are songs.
async function songsAlone(user, mine) {
  const named = /^(client:|[0-9a-f]{40}$)/.test(user) ? user : `client:${user}`;
  if (!(await areSongsServed())) return false; // what is wrong with playlists is said then
  if (mine !== latest) return true;
  clear(`Listener ${calledBy(named)}`);
  say("No playlists are made here yet.");
  document.dispatchEvent(new CustomEvent("listener", { detail: { user: named } }));
  return true;
}

async function showSongs(songs) {
  const mine = ++latest;
  say("Looking …");
  const list = await call("/api/recommend/from-songs", { songs, k: LENGTH });
  if (mine !== latest) return;
  clear("Playlists for your songs");
  draw(list.playlists.map((card) => ({ ...card, why: null })), false);
  const missing = list.unknown.map((place) => songs[place].title);
  const about = list.method === "fold-in" ? "Close to your songs." : "We know none of your songs well enough: these are favourites of all listeners.";
  say(missing.length ? `${about} Not known to us: ${missing.join(", ")}.` : about);
}

// A like waits a few seconds before it is sent, so that it can be taken back: what is sent is stored for good.
function like(card, name) {
  sendWaiting();
  const { user, list, skip } = shown;
  const others = list.playlists.map((other) => other.playlist).filter((pid) => pid !== card.playlist);
  const body = {
    user_id: list.user ?? user,
    like_playlist: card.playlist,
    other_playlists: others,
    recommendation_id: list.recommendation_id,
  };
  for (const button of document.querySelectorAll(".like")) button.disabled = true;
  say(`You like “${name}”.`);
  byId("undo-line").hidden = false;
  byId("undo").focus();
  waiting = { body, user, skip, name, timer: setTimeout(sendWaiting, UNDO_MILLISECONDS) };
}

function undo() {
  if (!waiting) return;
  clearTimeout(waiting.timer);
  say(`“${waiting.name}” is not liked.`);
  forget();
  for (const button of document.querySelectorAll(".like")) button.disabled = false;
  byId("list-title").focus();
}

function forget() {
  waiting = null;
  byId("undo-line").hidden = true;
}

async function sendWaiting() {
  if (!waiting) return;
  const { body, user, skip, name, timer } = waiting;
  const before = latest;
  clearTimeout(timer);
  forget();
  try {
    await call("/feedback", body, { keepalive: true });
    // The liked one leaves the list, so that the other four of this page are those before the next five.
    const next = Math.min(skip + LENGTH - 1, LAST - LENGTH);
    if (before === latest) await go({ user, skip: next }, `Thank you: “${name}” is noted. Here are others.`);
  } catch (problem) {
    for (const button of document.querySelectorAll(".like")) button.disabled = false;
    say(problem.retryable ? "Your like could not be stored just now. Please try again." : plainly(problem));
  }
}

function readSongs(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return lines.slice(0, 500).map((line) => {
    if (/^SO[0-9A-Z]{16}$/.test(line)) return { id: line, title: line };
    const [title, ...artist] = line.split(/\s+[–—-]\s+/);
    return { title, artist: artist.join(" - ") };
  });
}

function choose(tab) {
  for (const other of document.querySelectorAll("[role=tab]")) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    byId(other.getAttribute("aria-controls")).hidden = !chosen;
  }
}

// What went wrong is said beside the field, and nobody else's list stays below it.
async function attempt(error, work, keepList = false) {
  error.textContent = "";
  try {
    await work();
  } catch (problem) {
    if (!keepList) {
      clear("Your playlists");
      say("");
    }
    error.textContent = plainly(problem);
  }
}

function stateOfAddress() {
  const query = new URLSearchParams(location.search);
  if (query.has("songs")) return { songs: query.get("songs") };
  if (query.has("user")) return { user: query.get("user"), skip: Math.max(0, Number(query.get("skip")) || 0) };
  return {};
}

async function show(state, thanks = "") {
  if (state.songs !== undefined) {
    choose(byId("tab-songs"));
    byId("songs").value = state.songs;
    return attempt(byId("songs-error"), () => showSongs(checkedSongs(state.songs)));
  }
  if (state.user === undefined) {
    clear("Your playlists");
    return say(INVITATION);
  }
  choose(byId("tab-user"));
  byId("user").value = state.user;
  return attempt(byId("user-error"), () => showUser(checkedUser(state.user), Math.min(state.skip || 0, LAST - LENGTH), thanks));
}

// Shows a state and writes it to the address, so that the page can be sent to a friend and the back button works.
async function go(state, thanks = "") {
  const query = new URLSearchParams();
  if (state.songs !== undefined) query.set("songs", state.songs);
  if (state.user !== undefined) query.set("user", state.user);
  if (state.skip) query.set("skip", state.skip);
  history.pushState(null, "", `?${query}`);
  await show(state, thanks);
  if (thanks) byId("list-title").focus();
}

function checkedUser(text) {
  const named = text.trim();
  if (/^client:[!-~]{1,200}$/.test(named)) return named;
  const user = named.toLowerCase();
  if (/^([0-9]{1,10}|[0-9a-f]{40})$/.test(user)) return user;
  if (/^[!-~]{1,200}$/.test(named)) return `client:${named}`; // what the plays on file call them
  throw new Error("Enter a number, an id, or a name of your own of at most 200 letters and signs, without spaces.");
}

function checkedSongs(text) {
  const songs = readSongs(text);
  const bare = songs.find((song) => !song.id && !song.artist);
  if (bare) throw new Error(`Add the artist: “${bare.title} – …”`);
  if (!songs.length) throw new Error("Name at least one song.");
  return songs;
}

byId("panel-user").addEventListener("submit", (event) => {
  event.preventDefault();
  sendWaiting();
  go({ user: byId("user").value.trim() });
});

byId("panel-songs").addEventListener("submit", (event) => {
  event.preventDefault();
  sendWaiting();
  go({ songs: byId("songs").value });
});

byId("more").addEventListener("click", () => {
  sendWaiting();
  go({ user: shown.user, skip: shown.skip + LENGTH }, "Others for you.");
});

byId("undo").addEventListener("click", undo);
addEventListener("pagehide", sendWaiting);
addEventListener("popstate", () => show(stateOfAddress()));

whenKeyed(() => {
  byId("user-error").textContent = "";
  begin();
});

const tabs = [...document.querySelectorAll("[role=tab]")];
for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const next = tabs[(tabs.indexOf(tab) + 1) % tabs.length];
    choose(next);
    next.focus();
  });
}

// The line that the cursor is in, as [start, end) of the text.
function currentLine(field) {
  const start = field.value.lastIndexOf("\n", field.selectionStart - 1) + 1;
  const stop = field.value.indexOf("\n", field.selectionStart);
  return [start, stop < 0 ? field.value.length : stop];
}

let typing = null;
let asked = 0;
byId("songs").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(suggest, TYPING_MILLISECONDS);
});

async function suggest() {
  const field = byId("songs");
  const [start, stop] = currentLine(field);
  const typed = field.value.slice(start, stop).trim();
  const mine = ++asked;
  let found = [];
  if (typed.length >= 2) {
    try {
      found = (await call(`/api/songs?search=${encodeURIComponent(typed)}&limit=6`)).songs;
    } catch {
      found = []; // suggestions are a help: without them the form still says what is wrong
    }
  }
  if (mine !== asked) return;
  const lines = found.map((song) => `${song.title} – ${song.artist}`);
  offer(lines, field, start, Math.min(stop + 1, field.value.length));
}

// Listeners to pick from, and songs as an example; neither where no playlists are made.
async function offerPicks() {
  let users = [];
  let tastes = [];
  try {
    ({ users, tastes } = await call("/api/users?limit=8"));
  } catch (problem) {
    if (!NO_PLAYLISTS.test(problem.message) || !(await areSongsServed())) throw problem;
    byId("list-title").textContent = "Your songs";
    byId("panel-user").querySelector("button").textContent = "Show songs";
    say("Name a listener, and ten songs appear here.");
  }
  byId("picks-label").hidden = !users.length;
  byId("picks").replaceChildren(
    ...users.map((user, place) => {
      const button = document.createElement("button");
      const artists = (tastes[place] || []).join(", ");
      button.type = "button";
      button.setAttribute("aria-label", String(user));
      button.append(Object.assign(document.createElement("strong"), { textContent: artists || "An unknown taste" }));
      button.append(Object.assign(document.createElement("span"), { textContent: `listener ${user}` }));
      button.addEventListener("click", () => {
        sendWaiting();
        go({ user: String(user) });
      });
      return button;
    }),
  );
  if (!users.length) return;
  const examples = (await call("/api/songs?limit=1")).songs;
  byId("songs").placeholder = examples.map((song) => `${song.title} – ${song.artist}`).join("\n");
}

async function areSongsServed() {
  try {
    await call("/api/songs/recommend/", { user_id: "client:somebody", k: 1 });
    return true;
  } catch {
    return false;
  }
}

async function begin() {
  await attempt(byId("user-error"), offerPicks, true);
  const state = stateOfAddress();
  if (state.user !== undefined || state.songs !== undefined) await show(state);
}

begin();

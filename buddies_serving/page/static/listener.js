"use strict";

const root = document.documentElement.dataset.root || "";
const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");
let shown = null;
let latest = 0;

async function call(path, body) {
  const headers = { accept: "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(root + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  const content = await answer.json();
  if (answer.ok) return content;
  if (answer.status === 401) byId("key-form").hidden = false;
  const problem = new Error(content.detail || content.title);
  problem.retryable = answer.status === 503 || answer.status === 429;
  throw problem;
}

function say(text) {
  byId("status").textContent = text;
}

function count(number, one, many) {
  return `${numbers.format(number)} ${number === 1 ? one : many}`;
}

function facts(card) {
  const parts = [count(card.tracks, "song", "songs")];
  if (card.followers !== null) parts.push(count(card.followers, "follower", "followers"));
  return parts.join(" · ");
}

function reason(why) {
  if (!why || why.kind === "most-liked") return "Liked by many listeners";
  const songs = why.shared_songs ? `${count(why.shared_songs, "song", "songs")} of yours in it` : "";
  if (why.kind === "songs") return songs || "Close to what you play";
  const taste = why.similarity > 0 ? `${Math.max(1, Math.round(why.similarity * 100))} % alike` : "a distant buddy";
  return `From buddy ${why.buddy}, ${taste}${songs ? `; ${songs}` : ""}`;
}

function draw(cards, canLike) {
  const list = byId("playlists");
  list.replaceChildren();
  for (const card of cards) {
    const item = byId("card").content.cloneNode(true);
    const name = card.name.trim() || "Untitled playlist";
    item.querySelector("h3").textContent = name;
    item.querySelector(".facts").textContent = facts(card);
    item.querySelector(".why").textContent = canLike ? reason(card.why) : "";
    const songs = (card.why && card.why.songs) || [];
    item.querySelector(".songs").textContent = songs.map((song) => `${song.title} – ${song.artist}`).join(" · ");
    const button = item.querySelector(".like");
    button.setAttribute("aria-label", `Like ${name}`);
    button.addEventListener("click", () => like(card, name));
    if (!canLike) button.remove();
    list.append(item);
  }
}

async function showUser(user, thanks) {
  const mine = ++latest;
  say(thanks || "Looking …");
  const list = await call(`/api/users/${encodeURIComponent(user)}/recommendations?k=5&explain=true`);
  if (mine !== latest) return;
  shown = { user, list };
  byId("list-title").textContent = `Playlists for listener ${user.length === 40 ? `${user.slice(0, 8)}…` : user}`;
  draw(list.playlists, list.user !== null);
  const about = list.cold ? "We do not know this listener yet: these are liked by many." : "";
  say([thanks, about].filter(Boolean).join(" ") || count(list.playlists.length, "playlist", "playlists"));
  if (!list.playlists.length) say(`${thanks || ""} No playlist is left for this listener.`.trim());
}

async function showSongs(songs) {
  const mine = ++latest;
  say("Looking …");
  const list = await call("/api/recommend/from-songs", { songs, k: 5 });
  if (mine !== latest) return;
  shown = null;
  byId("list-title").textContent = "Playlists for your songs";
  draw(list.playlists.map((card) => ({ ...card, why: null })), false);
  const missing = list.unknown.map((place) => songs[place].title);
  const about = list.method === "fold-in" ? "Close to your songs." : "Your songs say too little: these are liked by many.";
  say(missing.length ? `${about} Not known to us: ${missing.join(", ")}.` : about);
}

async function like(card, name) {
  const { user, list } = shown;
  const buttons = document.querySelectorAll(".like");
  for (const button of buttons) button.disabled = true;
  const others = list.playlists.map((other) => other.playlist).filter((pid) => pid !== card.playlist);
  try {
    await call("/feedback", {
      user_id: list.user,
      like_playlist: card.playlist,
      other_playlists: others,
      recommendation_id: list.recommendation_id,
    });
    await showUser(user, `Thank you: “${name}” is noted. Here are the next.`);
    byId("list-title").focus();
  } catch (error) {
    for (const button of buttons) button.disabled = false;
    say(error.retryable ? "Your like could not be stored just now. Please try again." : error.message);
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

async function attempt(error, work) {
  error.textContent = "";
  try {
    await work();
  } catch (problem) {
    say("");
    error.textContent = problem instanceof TypeError ? "The service cannot be reached." : problem.message;
  }
}

byId("panel-user").addEventListener("submit", (event) => {
  event.preventDefault();
  const user = byId("user").value.trim().toLowerCase();
  const error = byId("user-error");
  if (!/^([0-9]{1,10}|[0-9a-f]{40})$/.test(user)) {
    error.textContent = "Enter a number, or an id of 40 letters and digits.";
    byId("user").focus();
    return;
  }
  attempt(error, () => showUser(user));
});

byId("panel-songs").addEventListener("submit", (event) => {
  event.preventDefault();
  const songs = readSongs(byId("songs").value);
  const error = byId("songs-error");
  const bare = songs.find((song) => !song.id && !song.artist);
  if (!songs.length || bare) {
    error.textContent = bare ? `Add the artist: “${bare.title} – …”` : "Name at least one song.";
    byId("songs").focus();
    return;
  }
  attempt(error, () => showSongs(songs));
});

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", byId("key").value);
  byId("key-form").hidden = true;
  byId("user-error").textContent = "";
  pick();
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

async function pick() {
  await attempt(byId("user-error"), async () => {
    const { users } = await call("/api/users?limit=8");
    byId("picks").replaceChildren(
      ...users.map((user) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = user;
        button.addEventListener("click", () => {
          byId("user").value = user;
          attempt(byId("user-error"), () => showUser(String(user)));
        });
        return button;
      }),
    );
    say(byId("status").textContent || "Pick a listener, or name a few songs, and five playlists appear here.");
  });
}

pick();

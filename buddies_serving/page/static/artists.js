"use strict";

const form = document.getElementById("ask");
const message = document.getElementById("message");

function entry(artist, note) {
  const item = document.createElement("li");
  const known = artist.url && /^https?:\/\//.test(artist.url);
  const name = document.createElement(known ? "a" : "span");
  name.textContent = artist.name;
  if (known) {
    name.href = artist.url;
    name.rel = "noreferrer";
  }
  const small = document.createElement("small");
  small.textContent = note;
  item.append(name, small);
  return item;
}

function reason(artist) {
  if (artist.reason === "because") return `because of ${artist.because_of}`;
  return artist.reason === "alike" ? "listeners alike have it" : "popular";
}

async function show() {
  const experiment = document.getElementById("experiment").value;
  const wanted = { userid: document.getElementById("user").value.trim(), item_to_recommend: 10 };
  if (experiment) wanted.experiment = experiment;
  const answer = await fetch("/recommend/?detail=1", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(wanted),
  });
  const found = await answer.json();
  document.getElementById("taste").replaceChildren();
  document.getElementById("list").replaceChildren();
  if (!answer.ok) {
    message.textContent = found.detail;
    return;
  }
  message.textContent = found.popular
    ? "This listener is not known: these are the artists that most listeners have."
    : `${found.experiment}, version ${found.version}`;
  document.getElementById("taste").replaceChildren(
    ...found.taste.map((artist) => entry(artist, `${artist.plays.toLocaleString("en")} plays`)),
  );
  document.getElementById("list").replaceChildren(
    ...found.recommended_artist.map((artist) => entry(artist, `${reason(artist)} · ${artist.listeners} listeners`)),
  );
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
show();

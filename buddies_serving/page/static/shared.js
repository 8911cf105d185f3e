"use strict";

// What all pages for listeners share: calls with the key, plain words for failures, songs offered while typing.
const root = document.documentElement.dataset.root || "";
const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");

async function call(path, body, more) {
  const headers = { accept: "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(root + path, {
    method: body ? "POST" : "GET",
    headers,
    body: body && JSON.stringify(body),
    ...more,
  });
  const content = await answer.json();
  if (answer.ok) return content;
  if (answer.status === 401) byId("key-form").hidden = false;
  const problem = new Error(content.detail || content.title);
  problem.retryable = answer.status === 503 || answer.status === 429;
  throw problem;
}

// Does something once a key was given.
function whenKeyed(act) {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("key", byId("key").value);
    byId("key-form").hidden = true;
    act();
  });
}

// A browser's own words ("Failed to fetch", "Unexpected token") say nothing to a listener.
function plainly(problem) {
  if (problem instanceof TypeError) return "The service cannot be reached just now. Please try again in a moment.";
  if (problem instanceof SyntaxError) return "The service answered something strange. Please try again in a moment.";
  return problem.message;
}

function say(text) {
  byId("status").textContent = text;
}

function count(number, one, many) {
  return `${numbers.format(number)} ${number === 1 ? one : many}`;
}

// Buttons under a field of songs; one that is chosen takes the place [start, stop) of what was typed.
function offer(lines, field, start, stop) {
  byId("suggestions").replaceChildren(
    ...lines.map((line) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = line;
      button.addEventListener("click", () => {
        field.setRangeText(`${line}\n`, start, stop, "end");
        byId("suggestions").replaceChildren();
        field.focus();
      });
      return button;
    }),
  );
}

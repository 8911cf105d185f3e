"use strict";

// What is typed or pasted as songs, what is told of each found one, and the files that they are written to.
const LINK = /^(?:https?:\/\/open\.spotify\.com\/(?:intl-[a-z]+\/)?track\/|spotify:track:)([A-Za-z0-9]{22})(?:\?.*)?$/;
const OTHER_LINK = /^(?:https?:\/\/|spotify:)/;

// Lines as {line, track} in order, where a track is what the service is sent; raises an Error that names a bad line.
function readTracks(text) {
  const tracks = [];
  for (const whole of text.split(/\r?\n/)) {
    const line = whole.replace(/^\s*\d+[.)]\s+/, "").trim();
    if (!line || line.startsWith("#")) continue;
    const link = LINK.exec(line);
    if (link) {
      tracks.push({ line, track: `spotify:track:${link[1]}` });
      continue;
    }
    if (OTHER_LINK.test(line)) {
      const list = /playlist|album/.test(line);
      const advice = "Open it in Spotify, select all of its songs, copy, and paste them here.";
      throw new Error(list ? `“${line.slice(0, 60)}” is a link to a whole list, which Spotify shows to nobody but you. ${advice}` : `“${line.slice(0, 60)}” is no link to a song.`);
    }
    const [title, ...artist] = line.split(/\s+[–—-]\s+/);
    if (!artist.length) throw new Error(`Add the artist: “${title.slice(0, 60)} – …”`);
    tracks.push({ line, track: { title, artist: artist.join(" - ") } });
  }
  return tracks;
}

// The same song with title and artist the other way round; a link has no other way.
function turned(track) {
  return typeof track === "string" ? track : { title: track.artist, artist: track.title };
}

function reasonOf(why) {
  const lists = why.playlists === 1 ? "one playlist" : `${new Intl.NumberFormat("en").format(why.playlists)} playlists`;
  const other = why.title ? `“${why.title}”` : "a song of yours";
  if (why.kind === "follows") return `Follows ${other} in ${lists}`;
  if (why.kind === "together") return `With songs of yours, most often ${other}, in ${lists}`;
  if (why.kind === "artist") return `By the artist of ${other}`;
  return why.kind === "similar" ? "Stands where your songs stand" : "Popular in playlists with a title like yours, or with everybody";
}

function likely(probability) {
  if (probability === undefined || probability === null) return "";
  return probability < 0.01 ? "less than 1 % likely" : `${Math.round(probability * 100)} % likely`;
}

function oneLine(text) {
  return text.split(/\s+/).join(" ").trim();
}

// Text that a spreadsheet takes for text.
function cell(text) {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

// The playlist as a file of one of three forms; songs are {track_uri, title, artist}.
function written(form, songs) {
  const name = (song) => `${oneLine(song.artist)} - ${oneLine(song.title)}`;
  if (form === "m3u") return `#EXTM3U\n${songs.map((song) => `#EXTINF:-1,${name(song)}\n${song.track_uri}\n`).join("")}`;
  if (form === "csv") {
    const rows = songs.map((song) => [song.track_uri, song.title, song.artist, reasonOf(song.why)].map(cell).join(","));
    return ["uri,title,artist,why", ...rows, ""].join("\r\n");
  }
  return songs.map((song) => `${name(song)}\n`).join("");
}

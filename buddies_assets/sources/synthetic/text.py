"""Names and dirt of the synthetic world: what artists, songs, albums and ids are called in each catalogue.

Every function takes arrays of indices and returns lists of text in the same order; a name depends on the seed and
the index alone. The dirt is that of real files, in such shares that the canonical key finds about half as many songs
again as the exact key.
"""

import numpy as np

from buddies_assets.sources.synthetic import draws
from buddies_assets.sources.synthetic.draws import GENRES
from buddies_assets.sources.synthetic.words import FIRST, GENERIC, GENRE_WORDS, NOUNS, OPENERS, SIGNS, SMALL, SYLLABLES
from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_core.kernels.randomness import hash_pairs, uniform

MPD_SUFFIXES = (
    " - Remastered {year}", " - {year} Remaster", " - Radio Edit", " - Live", " - Single Version", " - Original Mix",
    " - Acoustic", " [Explicit]",
)  # fmt: skip
MSD_SUFFIXES = (
    " (Album Version)", " (LP Version)", " [Explicit]", " (2003 Digital Remaster)", " (Single Version)", " (Live)",
)  # fmt: skip
_ASCII = str.maketrans("éïëèáãíúøüöāÉ", "eieeaaiuouoaE")
_BASE_62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def encoded_ids(seed: int, stream: int, items: np.ndarray, alphabet: np.ndarray, length: int) -> list[str]:
    """Ids of `length` characters, each from one 64-bit hash for every 10 characters."""
    characters = np.empty((len(items), length), np.uint8)
    base = np.uint64(len(alphabet))
    for part in range(0, length, 10):
        bits = hash_pairs(seed, stream, items, part)
        for place in range(part, min(part + 10, length)):
            bits, digit = np.divmod(bits, base)
            characters[:, place] = alphabet[digit.astype(np.int64)]
    return characters.view(f"S{length}").ravel().astype(f"U{length}").tolist()


def base_62(seed: int, stream: int, items: np.ndarray) -> list[str]:
    """Ids of Spotify's form: 22 characters."""
    return encoded_ids(seed, stream, items, _BASE_62, 22)


def user_ids(world: SyntheticWorld, users: np.ndarray) -> list[str]:
    """ENTP user ids: 40 hexadecimal digits."""
    return encoded_ids(world.seed, draws.USER_ID, users, _HEX, 40)


def song_ids(world: SyntheticWorld, songs: np.ndarray) -> list[str]:
    """ENTP song ids: SO and 16 capitals or digits."""
    return ["SO" + code for code in encoded_ids(world.seed, draws.SONG_ID, songs, _BASE_62[:36], 16)]


def msd_track_ids(world: SyntheticWorld, songs: np.ndarray) -> list[str]:
    """MSD track ids: TR and 16 capitals or digits."""
    return ["TR" + code for code in encoded_ids(world.seed, draws.MSD_TRACK_ID, songs, _BASE_62[:36], 16)]


def artist_name(artist: int) -> str:
    """The name of an artist, different for each."""
    form = artist % 5
    noun = NOUNS[artist // 5 * 7 % len(NOUNS)]
    word = ""
    number = artist
    while number:
        number, digit = divmod(number, len(SYLLABLES))
        word += SYLLABLES[digit]
    word = (word or "ze").capitalize()
    if form == 0:
        return f"The {word} {noun}s"
    if form == 1:
        return f"{FIRST[artist // 5 % len(FIRST)]} {word}"
    if form == 2:
        return f"{word} & The {noun}s" if artist % 3 else f"{word} & {noun}"
    return f"{FIRST[artist // 5 % len(FIRST)]} {noun}-{word}" if form == 3 else f"{word} {noun}"


def titles(world: SyntheticWorld, works: np.ndarray) -> list[str]:
    """The true title of each recording."""
    bits = hash_pairs(world.seed, draws.TITLE, works).tolist()
    result = []
    for draw in bits:
        draw, opener = divmod(draw, len(OPENERS))
        draw, noun = divmod(draw, len(NOUNS))
        draw, second = divmod(draw, len(NOUNS))
        draw, small = divmod(draw, len(SMALL))
        form = draw % 8
        if form < 3:
            result.append(f"{OPENERS[opener]} {NOUNS[noun]} {SMALL[small]} {NOUNS[second]}")
        elif form < 6:
            result.append(f"{OPENERS[opener]} {NOUNS[noun]} {NOUNS[second]}")
        else:
            result.append(f"{NOUNS[noun]} {SMALL[small]} {NOUNS[second]}")
    return result


def mpd_text(world: SyntheticWorld, tracks: np.ndarray) -> tuple[list[str], list[str]]:
    """Title and artist of tracks as MPD spells them: suffixes, and guests in the title."""
    works = world.work_of_tracks(tracks)
    artists = world.artists_of(works).tolist()
    dirt = uniform(world.seed, draws.TRACK_DIRT, tracks).tolist()
    which = hash_pairs(world.seed, draws.TRACK_DIRT, tracks, 1).tolist()
    texts = titles(world, works)
    for place, (chance, bits) in enumerate(zip(dirt, which, strict=True)):
        if chance < 0.11:
            texts[place] += MPD_SUFFIXES[bits % len(MPD_SUFFIXES)].format(year=1998 + bits % 19)
        elif chance < 0.17:
            guest = artist_name(bits % world.artists)
            texts[place] += f" (feat. {guest})" if chance < 0.155 else f" feat. {guest}"
    return texts, [artist_name(artist) for artist in artists]


def msd_text(world: SyntheticWorld, songs: np.ndarray) -> tuple[list[str], list[str]]:
    """Title and artist of songs as MSD spells them, before any mismatch: versions, guests and other spellings."""
    works = world.recordings(world.entp_of_songs(songs))
    names = [artist_name(artist) for artist in world.artists_of(works).tolist()]
    dirt = uniform(world.seed, draws.SONG_DIRT, songs).tolist()
    which = hash_pairs(world.seed, draws.SONG_DIRT, songs, 1).tolist()
    texts = titles(world, works)
    for place, (chance, bits) in enumerate(zip(dirt, which, strict=True)):
        if chance < 0.12:
            texts[place] += MSD_SUFFIXES[bits % len(MSD_SUFFIXES)]
        elif chance < 0.165:
            names[place] += (" feat. ", " / ", " Featuring ")[bits % 3] + artist_name(bits % world.artists)
        elif chance < 0.225:
            names[place] = _respelled(names[place])
        elif chance < 0.255:
            texts[place] = texts[place].replace("'", "").replace(" & ", " And ")
    return texts, names


def _respelled(name: str) -> str:
    """Another catalogue's spelling: without "The", diacritics, hyphen or ampersand."""
    if name.startswith("The "):
        return name[4:]
    return name.translate(_ASCII).replace(" & ", " and ").replace("-", " ")


def playlist_name(niche: int, bits: int) -> str:
    """A playlist's name: half of them tell the taste, by a word of its genre or its niche; the rest could be any."""
    bits, kind = divmod(bits, 4)
    bits, form = divmod(bits, 10)
    bits, sign = divmod(bits, len(SIGNS))
    genre = GENRE_WORDS[niche % GENRES]
    generic = GENERIC[bits % len(GENERIC)].replace("_", " ")
    name = (genre, f"{genre} {NOUNS[niche % len(NOUNS)].lower()}", generic, generic)[kind]
    return (
        name, name.capitalize(), name.title(), name.upper(), f"{name} {2012 + bits % 6}", f"my {name}", f"{name} :)",
        f"{name} {SIGNS[sign]}", f"{SIGNS[sign]}{name}", f"{name}!!",
    )[form]  # fmt: skip

"""Vocabulary of the synthetic world: what names of artists, songs and playlists are put together from."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words("""
    Ada Aino Amélie Anaïs Björn Bruno Carla Céline Dario Edda Elif Émile Esther Finn Frida Gaël Greta Hana Hugo Ida
    Ingrid Iván Jānis Joana João Jonas José Jürgen Kaito Lars Leïla Lena Luís Maja Marek Mats Mia Miguel Nadia Nils
    Noémie Núria Olga Omar Otto Paula Pedro Petra Rasmus René Rosa Saoirse Selma Siân Søren Stella Tara Tomás Uma
    Vera Viktor Wanda Yara Zoë
""")
SYLLABLES = _words("""
    ba be bo da de do fa fe go ha he ka ke ko la le lo ma me mo na ne no pa pe po ra re ro sa se so ta te to va ve
    vo wa za
""")
NOUNS = _words("""
    Anchor Arrow Ash Avenue Beacon Bell Bird Bloom Boat Bridge Canyon Captain Cinder Circle City Cloud Coast Comet
    Copper Crow Crown Dawn Desert Diamond Door Dust Echo Ember Engine Fever Field Fire Flood Forest Fox Garden Ghost
    Glass Gold Harbour Heart Highway Hollow Home Honey Horizon Hour House Hunter Ice Island Ivory Jungle Key King
    Ladder Lake Lantern Letter Light Lion Machine Magnet Maple Map Mirror Moon Morning Mountain Night North Ocean
    Orchard Paper Parade Picture Pilot Pine Planet Pony Queen Radio Rain Raven Ribbon River Road Rocket Room Rose
    Sail Salt Shadow Signal Silver Sky Smoke Snow Song Spark Spring Star Station Stone Storm Street Summer Sun
    Thunder Tide Tiger Tower Train Valley Velvet Voice Wave Whale Wheel Wild Window Winter Wolf Wonder Yard Year
""")
OPENERS = _words("""
    After All Another Before Beyond Blue Born Broken Burning Call Carry Chasing City Close Cold Come Crazy Dancing
    Deep Don't Down Dreaming Early Empty Every Falling Far Find First Follow Golden Gone Good Half Hold I'm Inside
    Into Last Late Leave Let Like Little Living Lonely Long Lost Love Low Make More My Never New No One Only Open
    Out Over Quiet Red Ride Running Save Say She's Slow Small Some Stay Still Sweet Take Tell This Through Too Turn
    Under Until Waiting Walk We're When White Wide With Without Young Your You're
""")
GENRE_WORDS = _words("""
    country rap rock worship edm christmas oldies latin indie jazz house acoustic metal punk reggae blues folk soul
    disney classical kpop trap techno funk
""")
"""One a genre."""
GENERIC = _words("""
    chill workout party throwback jams summer feels new lit throwbacks music sleep vibes road_trip gym study happy sad
    running car love dance favorites playlist good_stuff everything mix work cruise random
""")
SIGNS = ("🔥", "❤️", "🎶", "☀️", "🎸", "✨")
SMALL = ("of", "in the", "and", "to the", "for a", "on", "like a", "without", "under the", "&", "is a", "from")

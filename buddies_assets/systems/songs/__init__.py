"""Songs for a listener: candidates of many sources, features, a ranker, and a list for everybody."""

REQUIRES = ("lightgbm", "catboost")
BESIDE = ("listener_plays",)

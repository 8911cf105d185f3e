"""Artists for listeners (and anybody's own items for users): plays and tags in, a list for everybody out."""

REQUIRES = ("lightgbm", "optuna")

"""Films: the smallest system there is."""

REQUIRES = ("scipy",)

"""Rules about datasets of other systems; it has no asset of its own."""

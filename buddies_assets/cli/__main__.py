"""`python -m buddies_assets.cli` is the `buddies` command."""

from buddies_assets.cli.main import main

main()

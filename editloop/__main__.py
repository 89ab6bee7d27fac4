"""``python -m editloop``."""

from editloop.cli import main

main()

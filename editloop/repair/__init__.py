"""One repair: diagnosis, window, search, what a model fills in, and the order of what passes."""

"""Language models: which ones there are, how one is had, how one is run."""

"""What can be said of an edit by rules, without a model and without running anything."""

"""A document as lines, what edits it, and what the model is shown of it."""

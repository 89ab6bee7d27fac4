"""What came of a fix: its values, made of a repair, in words for a person."""

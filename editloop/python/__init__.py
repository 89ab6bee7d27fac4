"""What is known of Python: the parts of a file, its syntax, and the standard library."""

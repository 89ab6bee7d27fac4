"""editloop: fixes Python with a small local model that drives a line editor.

The core; docs/design.md says what each of its rooms is for.
Importing it loads no torch, trl, pygls or llama_cpp.
"""

__version__ = "0.1.0"

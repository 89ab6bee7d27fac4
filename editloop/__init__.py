"""editloop: fixes Python with a small local model that drives a line editor.

The core: text, commands, editor state, transcript, policies, loop, search, verification, traces.
Importing it loads no torch, trl, pygls or llama_cpp.
"""

__version__ = "0.1.0"

"""Errors of the engine: one class per case, each message one line that says what to do.

EngineError
 +- ModelNotFound           no file at the path
 +- NotAGguf                a file, but not a GGUF that can be read
 +- TruncatedGguf           shorter than its own header says
 +- WrongTranscriptVersion  trained on another transcript format
 +- ContextTooSmall         the text does not fit in the context window
 +- NotEnoughMemory         weights and cache would not fit in free memory
 +- UnsupportedCpu          llama.cpp was built for instructions this processor lacks
 +- BackendMissing          llama-cpp-python is not installed or does not load
 +- NoChatTemplate          there is none, or it does not work
 +- EngineClosed            used after close()
 +- DecodeFailed            a decode went wrong; the next call works again
     +- EngineCrashed       llama.cpp itself failed and its context was thrown away
``editloop.policy.Cancelled`` is not an error of the engine: somebody asked for it.
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of everything that can go wrong with a model file or its engine."""


class ModelNotFound(EngineError):
    """No file at the given path."""


class NotAGguf(EngineError):
    """The file is not a GGUF, or one of a version or layout that cannot be read."""


class TruncatedGguf(EngineError):
    """The file ends before its own header says it should."""


class WrongTranscriptVersion(EngineError):
    """The model was trained on another version of the transcript format."""


class ContextTooSmall(EngineError):
    """The prefix with its continuation does not fit in the context window."""


class NotEnoughMemory(EngineError):
    """Weights and cache need more memory than is free."""


class UnsupportedCpu(EngineError):
    """The compiled llama.cpp needs instructions that this processor lacks."""


class BackendMissing(EngineError):
    """llama-cpp-python cannot be imported."""


class EngineClosed(EngineError):
    """The engine was closed."""


class DecodeFailed(EngineError):
    """A decode failed; the engine stays usable."""


class EngineCrashed(DecodeFailed):
    """llama.cpp reported a fatal error; its context was thrown away and made anew."""


class NoChatTemplate(EngineError):
    """The file has no chat template, or one that does not work."""

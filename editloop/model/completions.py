"""What an OpenAI-compatible server is sent and what it answers, as values; nothing is sent here.

Paths and fields: OpenAI's completions and chat completions, and llama.cpp's `/infill`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from editloop.model.backend import Chat, Gap, ModelError, Reply, Sampling
from editloop.model.families import Fill
from editloop.model.statement import first_statement

_GAP = "<<<MISSING>>>"
_FENCE = re.compile(r"```[^\n]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)
_ROOM_FOR_FENCE = 16  # tokens that a chat reply spends beside the code


@dataclass(frozen=True, slots=True)
class Question:
    """A request and how its replies are read.

    `stop` are the texts that end one, `begun` is what it may repeat at its start; it may stand in a
    fence, and be cut to a statement.
    """

    path: str
    body: dict[str, Any]
    stop: tuple[str, ...]
    begun: str = ""
    fenced: bool = False
    statement: bool = False


def completion(
    prompt: str, sampling: Sampling, *, suffix: str | None = None, ends: Sequence[str] = ()
) -> Question:
    """Raw text to go on with; ``ends`` are further texts that end a reply."""
    body = {"prompt": prompt, **_sampling(sampling, ends)}
    if suffix is not None:
        body["suffix"] = suffix
    stop = (*sampling.stop, *ends)
    return Question("/v1/completions", body, stop, statement=sampling.statement)


def infill(gap: Gap, sampling: Sampling) -> Question:
    """llama.cpp's own fill-in; it reads no control tokens in these texts."""
    body = {
        "input_prefix": gap.before,
        "input_suffix": gap.after,
        "prompt": "",
        "n_predict": sampling.max_tokens,
        **_sampling(sampling),
    }
    return Question("/infill", body, sampling.stop, statement=sampling.statement)


def raw_fill(gap: Gap, fill: Fill, sampling: Sampling) -> Question:
    """A gap in the words of the model's family."""
    return completion(fill.prompt(gap.before, gap.after), sampling, ends=fill.ends)


def conversation(chat: Chat, sampling: Sampling, *, bare: bool = False) -> Question:
    """A chat, its reply begun where it has a beginning; thinking off where the model can.

    ``bare`` leaves out what OpenAI's own servers do not know.
    """
    messages = [{"role": role, "content": text} for role, text in chat.messages]
    if chat.begun:
        messages.append({"role": "assistant", "content": chat.begun})
    # A server that does not go on with the beginning writes it, and must not end there.
    ends = tuple(text for text in sampling.stop if not chat.begun.startswith(text))
    body = _sampling(replace(sampling, stop=ends))
    if not bare:
        body["chat_template_kwargs"] = {"enable_thinking": False}
        if chat.begun:
            body |= {"add_generation_prompt": False, "continue_final_message": True}
    return Question(
        "/v1/chat/completions", {"messages": messages, **body}, sampling.stop, chat.begun
    )


def chat_fill(gap: Gap, sampling: Sampling) -> Question:
    """A gap for a server that has no fill-in: the code with a mark in it."""
    asked = (
        f"In this Python code a piece is missing at {_GAP}.\n\n"
        f"```python\n{gap.before}{_GAP}{gap.after}\n```\n\n"
        f"Answer with the code that stands at {_GAP} and nothing else."
    )
    body = {
        "messages": [{"role": "user", "content": asked}],
        **_sampling(sampling),
        "max_tokens": sampling.max_tokens + _ROOM_FOR_FENCE,
    }
    body.pop("stop", None)  # it would end the reply behind an opening fence
    line = gap.before.rpartition("\n")[2]
    path, statement = "/v1/chat/completions", sampling.statement
    return Question(path, body, sampling.stop, line, fenced=True, statement=statement)


def _sampling(sampling: Sampling, ends: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {
        "temperature": max(0.0, sampling.temperature),
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "stream": False,
    }
    if sampling.n > 1:
        found["n"] = sampling.n
    if sampling.stop or ends:
        found["stop"] = [*sampling.stop, *ends]
    return found


def read_replies(question: Question, answer: dict[str, Any], at_most: int) -> list[Reply]:
    """The replies to a question, one to ``at_most``. Raises ModelError for what is none."""
    if question.path == "/infill":
        return [_infilled(question, answer)]
    choices = answer.get("choices")
    if not isinstance(choices, list) or not 1 <= len(choices) <= at_most:
        count = len(choices) if isinstance(choices, list) else "no"
        raise ModelError(f"the server gave {count} replies where {at_most} were asked for")
    usage = answer.get("usage")
    spent = usage.get("completion_tokens") if isinstance(usage, dict) else None
    tokens = spent // len(choices) if isinstance(spent, int) else 0
    return [_chosen(question, choice, tokens) for choice in choices]


def _infilled(question: Question, answer: dict[str, Any]) -> Reply:
    text, tokens = answer.get("content"), answer.get("tokens_predicted", 0)
    if not isinstance(text, str) or not isinstance(tokens, int):
        raise ModelError("the server's answer to /infill holds no text")
    limited = answer.get("stop_type") == "limit" or answer.get("stopped_limit") is True
    return _reply(question, text, tokens, not limited)


def _chosen(question: Question, choice: Any, tokens: int) -> Reply:
    if not isinstance(choice, dict):
        raise ModelError("a reply of the server is no JSON object")
    text = choice.get("text")
    if "message" in choice:
        message = choice["message"]
        text = message.get("content") if isinstance(message, dict) else None
        text = "" if text is None else text  # some say nothing so
    if not isinstance(text, str):
        raise ModelError("a reply of the server holds no text")
    return _reply(question, text, tokens, choice.get("finish_reason") != "length")


def _reply(question: Question, text: str, tokens: int, finished: bool) -> Reply:
    if question.fenced and (block := _FENCE.search(text)):
        text = block[1]
    if question.begun and text.startswith(question.begun):
        text = text[len(question.begun) :]
    cuts = [at for at in (text.find(stop) for stop in question.stop) if at >= 0]
    text = text[: min(cuts)] if cuts else text
    whole = first_statement(text) if question.statement else text
    return Reply(whole, 0.0, tokens, finished or bool(cuts) or whole != text)


def echo(text: str) -> Question:
    """The log-probabilities of a text that the server reads, where it gives them."""
    body = {"prompt": text, "max_tokens": 1, "temperature": 0.0, "echo": True, "logprobs": 1}
    return Question("/v1/completions", body, ())


def read_echo(answer: dict[str, Any], context: str, text: str) -> tuple[float, ...] | None:
    """Log-probability of each line of ``text`` behind ``context``; None where it was not told."""
    try:
        told = answer["choices"][0]["logprobs"]
        tokens, gains = told["tokens"], told["token_logprobs"]
        base = "".join(tokens).index(context + text)  # a begin token may stand before it
        count = text.count("\n") + (not text.endswith("\n"))
        lines, at = [0.0] * max(1, count), -base - len(context)
        for token, gain in zip(tokens, gains, strict=True):
            if at + len(token) > 0 and at < len(text):
                lines[min(text.count("\n", 0, max(at, 0)), len(lines) - 1)] += gain
            at += len(token)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return tuple(lines)

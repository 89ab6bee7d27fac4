"""Whether a server on another machine may get code: asked once, and remembered."""

from __future__ import annotations

from editloop.model.backend import ModelError
from editloop.model.consent import ASK, REFUSED, allow, is_allowed
from editloop_lsp.questions import Questions

AGREE, REFUSE = "Send my code", "Do not send"


class Consent:
    """Keeps a yes in the person's configuration, a no until the server ends."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def refusal(self, url: str) -> str:
        """Why the server at an address may get nothing, "" where it may. An address that is none
        is not refused: whoever opens it says what is wrong."""
        try:
            if not url or is_allowed(url):
                return ""
            answer = await self._questions.ask(url, ASK.format(url=url), AGREE, REFUSE)
            if answer != "yes":
                return REFUSED.format(url=url)
            allow(url)
        except ModelError:
            return ""
        except OSError as error:
            return f"{url}: your answer cannot be kept: {error.strerror or error}"
        return ""

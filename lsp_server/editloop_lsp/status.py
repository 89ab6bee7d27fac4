"""The server's state for the client's status item: ``editloop/status``."""

from __future__ import annotations

import time
from typing import Any

from editloop_lsp.jobs import Jobs
from editloop_lsp.protocol import Protocol

METHOD = "editloop/status"
_INTERVAL = 0.2
"""Seconds between two words on the progress of a job."""


class ServerStatus:
    """Sends the state when it is another than the one sent last, if the client asked for it."""

    def __init__(self, protocol: Protocol, jobs: Jobs) -> None:
        self._protocol = protocol
        self._jobs = jobs
        self._sent: dict[str, Any] | None = None
        self._moment = 0.0
        self.model = ""
        self.model_state = "not loaded"
        self.model_text = ""
        self.sandbox: dict[str, str] = {}
        """The worker's report on its self-test; empty before it ran."""

    @property
    def model_name(self) -> str:
        """The model for a report."""
        return self.model or "not loaded"

    def level_name(self, level: str) -> str:
        """A level of the sandbox for a report."""
        known = self.sandbox.get("level") == level
        return f"level {level}, {self.sandbox['text']}" if known else "no code was run"

    def tested(self, sandbox: dict[str, str]) -> None:
        """Take the report of the sandbox's self-test."""
        self.sandbox = sandbox
        self.changed()

    def heard(self, event: dict[str, Any]) -> None:
        """The worker's word on its model, or that the worker and with it the model is gone."""
        if event["event"] == "ended":
            self.model_state, self.model_text = "not loaded", ""
        else:
            self.model, self.model_state = event["model"], event["state"]
            self.model_text = event["text"]
        self.changed()

    def now(self) -> dict[str, Any]:
        jobs = self._jobs.running
        state: dict[str, Any] = {
            "model": self.model,
            "modelState": self.model_state,
            "sandbox": self.sandbox.get("level", "F"),
            "sandboxText": self.sandbox.get("text", "no code was run yet"),
            "busy": bool(jobs),
        }
        active = next((job for job in jobs if job.progress), jobs[0] if jobs else None)
        if active is not None:
            state["job"] = {
                "uri": active.uri,
                "turn": active.progress.get("turn", 0),
                "candidates": active.progress.get("candidates", 0),
                "message": active.progress.get("message", "waiting"),
            }
        return state

    def changed(self) -> None:
        """Tell the client, at once for another phase and now and then for progress."""
        if not self._protocol.client.status:
            return
        state = self.now()
        moment = time.monotonic()
        phase = {key: value for key, value in state.items() if key != "job"}
        known = self._sent is not None and phase.items() <= self._sent.items()
        if state == self._sent or (known and moment - self._moment < _INTERVAL):
            return
        self._sent, self._moment = state, moment
        self._protocol.notify(METHOD, state)

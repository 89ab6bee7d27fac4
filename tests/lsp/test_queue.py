"""The queue of jobs by itself: what can only be shown with several tasks in a chosen order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from editloop_lsp.jobs import Job, JobCancelled, Jobs

pytestmark = pytest.mark.asyncio


async def test_a_job_that_is_cancelled_before_its_first_step_is_gone() -> None:
    jobs = Jobs()

    async def work(job: Job) -> None:
        raise AssertionError("it was cancelled before")

    waiting = asyncio.create_task(jobs.run("a", ("a",), work))
    await asyncio.sleep(0)  # the job exists, and has not run
    assert jobs.cancel("a", "no more") == 1
    with pytest.raises(JobCancelled, match="no more"):
        await waiting
    assert jobs.running == []


async def test_of_many_requests_for_one_document_the_last_one_stays() -> None:
    jobs = Jobs()
    most = 0

    async def work(job: Job) -> int:
        nonlocal most
        most = max(most, len(jobs.running))
        async with jobs.turn:
            await asyncio.sleep(0)
        return int(job.key[0])  # type: ignore[call-overload, no-any-return]

    results: list[Any] = await asyncio.gather(
        *(jobs.run("a", (n,), work) for n in range(5)), return_exceptions=True
    )
    assert results[-1] == 4
    assert all(isinstance(result, JobCancelled) for result in results[:-1])
    assert most == 1
    assert jobs.running == []


async def test_a_job_goes_on_while_somebody_waits_for_it() -> None:
    jobs = Jobs()
    gate = asyncio.Event()

    async def work(job: Job) -> str:
        await gate.wait()
        return "done"

    first = asyncio.create_task(jobs.run("a", ("a",), work))
    second = asyncio.create_task(jobs.run("a", ("a",), work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert await second == "done"


async def test_a_job_of_many_steps_lets_others_in_between() -> None:
    jobs = Jobs()
    order: list[str] = []

    async def work(job: Job) -> None:
        for _ in range(3):
            async with jobs.turn:
                order.append(job.uri)
                await asyncio.sleep(0)

    await asyncio.gather(*(jobs.run(uri, (uri,), work) for uri in "ab"))
    assert order == ["a", "b"] * 3

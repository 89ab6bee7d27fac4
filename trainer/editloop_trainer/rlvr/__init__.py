"""Reinforcement learning with verifiable rewards: turns played in batches, GRPO over them.

``games`` is what is asked in a rendering and what an answer does, ``episodes`` the loop over it,
``judge`` the checks' side, ``curriculum`` the choice of tasks, ``player`` one step of it,
``settings`` what can be chosen, ``adapter`` everything that touches TRL.
"""

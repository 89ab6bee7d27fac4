"""Reinforcement learning with verifiable rewards: the plain loop played in batches, GRPO over it.

``episodes`` is one episode as data, ``dialect`` its tokens, ``generate`` the model's side,
``judge`` the checks' side, ``rollouts`` both together, ``curriculum`` the choice of tasks,
``adapter`` everything that touches TRL.
"""

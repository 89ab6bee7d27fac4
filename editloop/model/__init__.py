"""Pretrained code models: getting one, running one, and asking it to fill in, to answer, to judge.

`catalogue` and `download` get one; `backend` says what a model can be asked; `child` and `server`
are what answers.
"""

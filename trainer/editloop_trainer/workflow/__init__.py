"""``editloop train-and-export``: from a corpus to a model in the store, one command.

The work is a list of steps, and a step is a few commands of ``editloop`` itself, each a child
process: what the workflow does can be done by hand, and each command goes on where it was killed.
``options`` checks what was asked for, ``plan`` lists the steps, ``ledger`` knows which are done,
``runner`` runs them, ``results`` reads what they left, ``show`` tells the person.
"""

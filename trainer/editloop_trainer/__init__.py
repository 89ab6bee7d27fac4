"""Training: corpus, tasks, demonstrations, supervised fine-tuning, reinforcement, evaluation."""

GROUP = "editloop.training"
"""Of entry points: what training takes from packages that it does not know."""

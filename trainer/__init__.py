"""Training: corpus, tasks, demonstrations, supervised fine-tuning, reinforcement, evaluation."""

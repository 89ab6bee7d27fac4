"""Corruption families: the mistakes people make, each with its exact inverse as commands."""

from editloop_trainer.corruptions.base import Change, Family, Module
from editloop_trainer.corruptions.compose import (
    Corruption,
    Fault,
    compose,
    corrupt,
    corrupt_by,
    corrupt_many,
    propose,
    undoes,
)
from editloop_trainer.corruptions.registry import FAMILIES, training_families

__all__ = [
    "FAMILIES",
    "Change",
    "Corruption",
    "Family",
    "Fault",
    "Module",
    "compose",
    "corrupt",
    "corrupt_by",
    "corrupt_many",
    "propose",
    "training_families",
    "undoes",
]

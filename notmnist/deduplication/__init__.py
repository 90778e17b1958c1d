"""Exact and near duplicates: arrays in, arrays out."""

from notmnist.deduplication.exact import duplicate_report, first_copies, repeats_of
from notmnist.deduplication.near import THRESHOLD, Pairs, near_groups, near_pairs

__all__ = [
    "THRESHOLD",
    "Pairs",
    "duplicate_report",
    "first_copies",
    "near_groups",
    "near_pairs",
    "repeats_of",
]

"""Uncertainty: what an interval, a comparison and a set distance's error mean here. One import for all of it.

The item is the unit of every statistic: seeds of one item are averaged first (`item_means`).

| question | method | where |
| --- | --- | --- |
| how good is a variant on a video metric? | mean of item means, t interval | `stats_intervals` |
| how large is a rate (unit: share of videos)? | Wilson's; items as clusters where seeds disagree | `stats_intervals` |
| is B better than A on the same items? | sign flips and t interval of paired differences | `stats_tests` |
| how large is a difference of two rates? | the same with one item more of each sign | `stats_intervals` |
| many comparisons at once | Holm's step-down correction | `stats_tests` |
| how small a difference could be seen? | smallest detectable difference at 80 % power | `stats_intervals` |
| how certain is a set distance? | delete-a-group jackknife over items, fixed reference | `stats_sets` |
| is B's set nearer to the reference than A's? | paired-swap permutation over items | `stats_sets` |
| the same from result files, without features? | the jackknife's t, from recorded leave-out values | `published_sets` |
| who is ahead? | ranks that separable variants alone do not share | `harness.ranks` |
| how many items and seeds does it take? | power of the paired t test | `harness.power` |
"""

from __future__ import annotations

from harness.stats_intervals import (
    LEVEL,
    POWER,
    Interval,
    detectable,
    difference_interval,
    item_means,
    mean_interval,
    rate_interval,
    t_interval,
    t_quantile,
    wilson_interval,
)
from harness.stats_sets import (
    Contrast,
    SetDifference,
    Spread,
    compare_sets,
    contrast,
    jackknife,
    jackknife_p,
    recombined,
)
from harness.stats_tests import Paired, holm, of_differences, paired, sign_flip, sign_flips

__all__ = [
    "LEVEL",
    "POWER",
    "Contrast",
    "Interval",
    "Paired",
    "SetDifference",
    "Spread",
    "compare_sets",
    "contrast",
    "detectable",
    "difference_interval",
    "holm",
    "item_means",
    "jackknife",
    "jackknife_p",
    "mean_interval",
    "of_differences",
    "paired",
    "rate_interval",
    "recombined",
    "sign_flip",
    "sign_flips",
    "t_interval",
    "t_quantile",
    "wilson_interval",
]

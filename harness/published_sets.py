"""Set metrics of several result files put together: differences and effects without the features themselves.

A recorded set score has its value without each of at most 20 groups of items. Groups are dealt from the items' names,
so on equal items they are the same groups in every file, and the weighted sum of these values is what a jackknife that
deletes an item from all sets at once would have computed from the features: the same standard error. What cannot be had
from files is the paired-swap permutation, which exchanges single videos; p is that of the jackknife's t instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.set_detail import SetDetail
from harness.stats_sets import Contrast, recombined
from harness.submission import PublishedSetScore, Submission


def contrasts(submissions: Sequence[Submission], weights: Mapping[str, float], alpha: float) -> dict[str, Contrast]:
    """``sum_i weights[i] * value_i`` of every set metric that all weighted variants have, by the metric's label.

    Args:
        weights: by variant's label; other submissions are left aside.
        alpha: intervals are at 1 - alpha. A contrast has none where a file does not have the values of its jackknife.

    Left out are metrics of other keys, of unequal n, and against other reference sets: these do not subtract.
    """
    chosen = [s for s in submissions if s.variant.label in weights]
    signs = [weights[s.variant.label] for s in chosen]
    found = {}
    for label in dict.fromkeys(score.metric for s in chosen for score in s.set_scores):
        scores = [score for s in chosen for score in s.set_scores if score.metric == label]
        keys = {metric.key for s in chosen for metric in s.metrics if metric.label == label}
        if len(scores) == len(chosen) and len(keys) == 1 and not difference_of(scores):
            without = [SetDetail.read(score.detail).jackknife for score in scores]
            found[label] = recombined([s.value for s in scores], without, signs, scores[0].n, 1 - alpha)
    return found


def difference_of(scores: Sequence[PublishedSetScore]) -> str:
    """Why values of one metric do not subtract; empty where they do."""
    sizes = [score.n for score in scores]
    if len(set(sizes)) > 1:
        return f"n is {' and '.join(map(str, sizes))}: a set distance compares at equal n only"
    if len({reference for score in scores if (reference := SetDetail.read(score.detail).reference)}) > 1:
        return "measured against different reference sets"
    return ""

"""Published files as the site takes them: parsed by `harness.submission`, then held to what the pages rely on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

from harness.jsonread import JsonError
from harness.site_text import plain
from harness.submission import Submission, read, refusal


def read_submission(path: Path) -> Submission:
    """Read one published file.

    Raises:
        Refused: E-RESULT, with the file, the place inside it and what is wrong there.
    """
    submission = read(path)
    problem = _problem(submission)
    if problem is not None:
        raise refusal(path, problem)
    return submission


def stem(label: str) -> str:
    """A label as it stands in addresses: ``mini@1`` is ``mini-1``."""
    return label.replace("@", "-")


def facts(table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """An object of any shape as pairs of text: strings as they are, the rest as compact JSON."""
    return tuple((plain(str(name), 80), _fact(value)) for name, value in table.items())


def _fact(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return plain(" ".join(value)) or "none"
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _problem(submission: Submission) -> JsonError | None:
    suite, labels = submission.suite, {metric.label for metric in submission.metrics}
    slugs = [item.slug for item in suite.items]
    if submission.suite_key != suite.key:
        return JsonError("/suite/key", f"is not the key of this suite, {suite.key}")
    twice = _repeated(slugs) or _repeated(metric.label for metric in submission.metrics)
    twice = twice or _repeated((row.item, row.seed) for row in submission.rows)
    if twice is not None:
        return JsonError("", f"holds {twice} twice")
    if not submission.rows:
        return JsonError("/rows", "is empty: there is nothing to show")
    for row in submission.rows:
        if row.item not in slugs:
            return JsonError("/rows", f"holds {row.item}, which is no item of the suite")
        if not set(row.scores) <= labels:
            return JsonError("/rows", f"holds a score of a metric that is not declared, for {row.item}")
    if not {score.metric for score in submission.set_scores} <= labels:
        return JsonError("/set_scores", "holds a metric that is not declared")
    return None


def _repeated(values: Iterable[Hashable]) -> Hashable | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)

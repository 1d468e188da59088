"""The colours of both themes, as far apart as WCAG 2.2 asks."""

from __future__ import annotations

import re
from pathlib import Path

import harness.render

THEME = Path(harness.render.__file__).parents[1] / "site" / "theme"


def tokens(css: str, theme: int) -> dict[str, str]:
    """The colours of the light (0) or the dark (1) theme."""
    found = re.findall(r"--([a-z0-9-]+):\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", css)
    return {name: colours[theme] for name, *colours in found}


def contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_both_themes_have_enough_contrast() -> None:
    css = (THEME / "base.css").read_text()
    for theme in (tokens(css, 0), tokens(css, 1)):
        slots = [name for name in theme if name.startswith("slot-")]
        assert len(slots) == 8
        for text in ("text", "muted", "link", "method", "ablation", "baseline", "control", *slots):
            for ground in ("ground", "raised"):
                assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        assert contrast(theme["text"], theme["warn"]) >= 4.5
        for mark in ("mark", "interval", "edge"):
            assert contrast(theme[mark], theme["ground"]) >= 3, mark

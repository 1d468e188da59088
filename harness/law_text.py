"""What each law demands of a plugin, and what usually breaks it: the words of `harness validate FILE.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """What a law demands, and what to look at when it is broken."""

    demand: str
    hint: str


VARIANT: Mapping[str, Explained] = {
    "settings": Explained(
        "needs() is a fact about the settings, the same whenever it is asked",
        "return Needs(...) made from the fields alone",
    ),
    "works": Explained(
        "it loads, and makes uint8 frames [T, H, W, 3] of the protocol's size",
        "request.protocol has num_frames, height and width; request.image has that size",
    ),
    "repeatable": Explained(
        "one item and seed give the same frames, whatever was made in between",
        "draw all randomness from request.noise(stream, shape): torch.randn and np.random differ each time; "
        "keep no state between calls of generate()",
    ),
    "reloads": Explained(
        "a second load() makes the same frames",
        "weights that are drawn at random need a fixed seed of their own, as a field",
    ),
    "seeded": Explained(
        "the request's noise is what makes two seeds differ",
        "use what request.noise returns; a variant without randomness gives equal frames for every seed",
    ),
    "untouched": Explained(
        "the request's image is left as it was",
        "work on a copy: image.astype(...) or image.copy()",
    ),
}
COMPANION = Explained(
    "the metric that it is to be read beside, beside='...', is there", "name one of: harness list metrics"
)
VIDEO_METRIC: Mapping[str, Explained] = {
    "finite": Explained(
        "every clip gets a finite number, or a reason why there is none",
        "guard what you divide by and short clips: return Score.undefined(reason) or Score.excluded(reason)",
    ),
    "repeatable": Explained(
        "the same clip gives the same score, to the last bit", "seed what you sample; keep nothing between calls"
    ),
    "alone": Explained(
        "a clip's score does not depend on the clips that were scored before it", "keep nothing between calls"
    ),
    "tells": Explained(
        "different clips do not all score the same", "look at the clip: a number that never changes is no measure"
    ),
    "flow": Explained(
        "the clip's flow, and motion, cuts and degenerate that are made from it, are used only if that is declared",
        "declare needs=('flow',): the cost of the flow pass is shared by those that do, and its weights are checked",
    ),
    "direction": Explained(
        "better='lower' or 'higher' comes with a response that shows it",
        "declare one, such as responds={'flicker': 'worse'}; better='none' is for a number that only describes",
    ),
    "untouched": Explained(
        "frames, image and flow, which all metrics of a clip share, are left alone",
        "work on a copy: clip.frames.astype(...) or clip.frames.copy()",
    ),
    "still": Explained(
        "the first frame held scores as responds={'still': ...} promises",
        "change the promise, or the formula: a metric that a frozen clip wins needs a companion (beside=...)",
    ),
    "shuffle": Explained(
        "mixed frames score as responds={'shuffle': ...} promises", "change the promise or the formula"
    ),
    "flicker": Explained(
        "alternating brightness scores as responds={'flicker': ...} promises", "change the promise or the formula"
    ),
    "cut": Explained(
        "a clip with another scene half-way scores as responds={'cut': ...} promises",
        "change the promise or the formula",
    ),
    "flip": Explained("a mirrored clip scores as responds={'flip': ...} promises", "change the promise or the formula"),
    "companion": COMPANION,
}
SET_METRIC: Mapping[str, Explained] = {
    "finite": Explained("two ordinary sets have a finite distance", "give float64 to what inverts or takes roots"),
    "repeatable": Explained(
        "the distance ignores the order of the rows, leaves them alone, and is the same every time",
        "use all rows; compare groups, never neighbours",
    ),
    "grows": Explained("sets farther apart score worse", "check the sign against better='lower' or 'higher'"),
    "refuses": Explained(
        "one row is refused with an ItemError, and a row with NaN gives no finite number",
        "raise NoSetScore(code, what) for sets that are too small: harness.api.frechet_distance does",
    ),
    "companion": COMPANION,
}
EXTRACTOR: Mapping[str, Explained] = {
    "rows": Explained(
        "a clip gives finite float rows [windows, d], with one d for all clips",
        "return a NumPy array of two axes; raise ItemError for a video that cannot be taken",
    ),
    "repeatable": Explained("the same clip gives the same rows", "put networks in eval() mode; seed what you sample"),
    "untouched": Explained("the clip is left alone", "work on a copy of clip.frames"),
    "flow": Explained(
        "the clip's flow, and what is made from it, is used only if that is declared", "declare needs=('flow',)"
    ),
}
KINDS: Mapping[str, Mapping[str, Explained]] = {
    "variant": VARIANT,
    "metric": VIDEO_METRIC,
    "set metric": SET_METRIC,
    "extractor": EXTRACTOR,
}

"""What exvideo-128@1 shows: for every item its source, the square cut from it, and what can be seen there.

Pictures lie in eight strata. Picture i of the first 32 is of stratum i mod 8, so that ``--limit N`` takes the strata
as evenly as N allows; the last four are a fifth picture of four of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import sources
from .sources import Source

STRATA = ("people", "landscape", "animals", "built", "objects", "plants", "space", "patterns")
# ExVideo's example asks for 127, its largest bucket. Still lifes get half of it, and pictures in which nothing but the
# camera could move a quarter. No video was measured: there is none.
MOTION_BUCKETS = {"objects": 64, "space": 32, "patterns": 32}
MOTION_BUCKET = 127


@dataclass(frozen=True)
class Picture:
    """One item: a square of ``size`` pixels with its upper left corner at ``left``, ``top`` of the source.

    ``frame`` counts from 0 where the source is a film, and is None where it is a picture.
    """

    name: str
    stratum: str
    source: Source
    left: int
    top: int
    size: int
    caption: str
    frame: int | None = None

    @property
    def motion_bucket(self) -> int:
        """That of the stratum."""
        return MOTION_BUCKETS.get(self.stratum, MOTION_BUCKET)


PICTURES = (
    Picture(
        "astronaut", "people", sources.ASTRONAUT, 0, 0, 512,
        "a smiling astronaut with short fair hair in an orange pressure suit with her helmet in front of her, "
        "a flag to the left and a model of a space shuttle behind her",
    ),
    Picture(
        "mountain-path", "landscape", sources.PEAKS, 0, 0, 2448,
        "a worn footpath climbs a grassy mountain slope towards grey rocky peaks with patches of snow, "
        "a white cloud in a deep blue sky",
    ),
    Picture(
        "raccoon", "animals", sources.RACCOON, 256, 0, 768,
        "a raccoon lies among long green leaves with one paw stretched forward",
    ),
    Picture(
        "pagoda", "built", sources.CHINA, 0, 0, 427,
        "a pagoda with red columns and tiled roofs in orange and green rises above trees in front of a hazy lake",
    ),
    Picture(
        "espresso", "objects", sources.COFFEE, 120, 0, 400,
        "an espresso in a red-brown cup on a saucer with a small spoon, on a wooden table",
    ),
    Picture(
        "dandelion", "plants", sources.DANDELION, 200, 0, 2988,
        "a dandelion clock glows in the low sun in a meadow, others out of focus behind it",
    ),
    Picture(
        "galaxies", "space", sources.HUBBLE, 0, 0, 872,
        "hundreds of galaxies of many shapes and colours in the black of deep space",
    ),
    Picture(
        "gradient", "patterns", sources.GRADIENT, 1000, 0, 2160,
        "a smooth gradient of purple, orange, green and turquoise with a fold like a sheet of paper in the middle",
    ),
    Picture(
        "photographer", "people", sources.CAMERA, 0, 0, 512,
        "black and white photo of a man in a dark coat who bends to look through a camera on a tripod, on a wide lawn "
        "with low buildings and a tower in the distance",
    ),
    Picture(
        "meadow", "landscape", sources.MEADOW, 1032, 0, 2056,
        "a green meadow in front of trees in autumn colours and a dark fir, below a long grey ridge under thin clouds",
    ),
    Picture(
        "rabbit-burrow", "animals", sources.BUNNY_FILM, 0, 0, 720,
        "an animated grey rabbit crawls out of its burrow under the roots of a tree, between grey stones and bright "
        "green grass",
        frame=0,
    ),
    Picture(
        "green-towers", "built", sources.CITY, 160, 0, 406,
        "office towers at night seen from below, their windows lit in green, under a dark violet sky",
    ),
    Picture(
        "drum", "objects", sources.ROOM, 0, 1437, 2400,
        "a goblet drum laced with cord lies on a cream beanbag on a cork floor in warm light",
    ),
    Picture(
        "dahlia", "plants", sources.FLOWER, 107, 0, 427,
        "an orange dahlia in full bloom before a blurred dark green background, a second one at the lower edge",
    ),
    Picture(
        "africa", "space", sources.BLUE_MARBLE, 2450, 600, 1200,
        "Africa, Arabia and southern Europe seen from space without clouds, surrounded by dark blue sea",
    ),
    Picture(
        "gravel", "patterns", sources.GRAVEL, 0, 0, 512,
        "black and white photo of gravel from above, small angular stones from edge to edge",
    ),
    Picture(
        "officer", "people", sources.HOPPER, 0, 0, 512,
        "portrait of an elderly naval officer with glasses, a black and white hat with a golden badge and a dark "
        "uniform, in front of a flag and a blue background",
    ),
    Picture(
        "sunset", "landscape", sources.SUNSET, 1424, 0, 2848,
        "the low sun flares above rows of hills, a round stone dial on a pillar stands on mossy ground with frost",
    ),
    Picture(
        "dogs", "animals", sources.DOGS, 400, 550, 1300,
        "two brown spaniels with curly ears put their heads out one above the other between grey boards, beside a "
        "white cloth and a white wooden wall",
    ),
    Picture(
        "rocket", "built", sources.ROCKET, 110, 0, 427,
        "a white rocket stands on its launch pad at dusk between two lattice masts, with bright lights near the ground",
    ),
    Picture(
        "fig", "objects", sources.FIG, 600, 0, 1740,
        "half a fig with red flesh in a pointed red wooden bowl that casts a sharp shadow on grey concrete",
    ),
    Picture(
        "grass", "plants", sources.GRASS, 0, 0, 512,
        "black and white photo of a lawn from above, blades of grass and small clover leaves",
    ),
    Picture(
        "pacific", "space", sources.RELIEF, 4000, 700, 1200,
        "coloured relief map of east Asia, Australia and the western Pacific with ridges and trenches of the sea floor",
    ),
    Picture(
        "tissue", "patterns", sources.TISSUE, 0, 0, 512,
        "stained tissue under a microscope, brown glands with fine lines and pale ground with blue cell nuclei",
    ),
    Picture(
        "stairs", "people", sources.ASCENT, 0, 0, 512,
        "black and white photo from below of people who climb the stairs of an open metal tower against a clear sky",
    ),
    Picture(
        "stream", "landscape", sources.STREAM, 500, 0, 2056,
        "a small stream runs down over steps of stone between pale rocks in a shady green wood",
    ),
    Picture(
        "cat", "animals", sources.CHELSEA, 80, 0, 300,
        "close-up of the face of a tabby cat with green eyes and long white whiskers",
    ),
    Picture(
        "dark-tower", "built", sources.CITY_FILM, 240, 0, 405,
        "a tall office tower at night seen from below, some of its windows lit, under a dark blue sky",
        frame=150,
    ),
    Picture(
        "brushes", "objects", sources.BRUSHES, 0, 0, 1074,
        "close-up of used paint brushes with blue, turquoise, pink and yellow bristles",
    ),
    Picture(
        "autumn-wood", "plants", sources.MEADOW, 0, 560, 900,
        "a stand of trees in orange autumn leaf at the edge of a green meadow",
    ),
    Picture(
        "americas", "space", sources.BLUE_MARBLE, 1150, 500, 1200,
        "eastern North America, the Caribbean and South America seen from space without clouds, the dark Atlantic to "
        "the right",
    ),
    Picture(
        "retina", "patterns", sources.RETINA, 210, 210, 990,
        "the inside of an eye, a red retina with branching blood vessels, a dark spot in the middle and a bright disc "
        "at the left edge",
    ),
    Picture(
        "rabbit-yawn", "animals", sources.BUNNY_FILM, 100, 0, 720,
        "an animated big grey rabbit stands in front of its burrow and stretches its arms with its mouth open",
        frame=63,
    ),
    Picture(
        "rock-face", "landscape", sources.PEAKS, 1764, 500, 1500,
        "a wall of grey rock with fields of snow and a wisp of cloud rises behind a bare grassy slope",
    ),
    Picture(
        "wine", "objects", sources.ROOM, 720, 140, 1710,
        "a glass of red wine, a bottle and a coffee mill on a dark wooden table in front of a white wall with glass "
        "bricks",
    ),
    Picture(
        "bricks", "patterns", sources.BRICK, 0, 0, 512,
        "black and white photo of a floor of long bricks with pale joints that run away from the camera",
    ),
)  # fmt: skip

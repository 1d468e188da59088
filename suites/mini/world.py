"""A procedural world: short clips with exact optical flow and occlusion.

A smooth coloured background, sometimes panning, and one or two shapes that rotate and move at constant speed. The first
frame determines the future: an eddy carries every shape on a circle, all of them in step, small ones faster, and the
background's colour tells whether it pans. Without such laws a generator that sees one frame has to guess the headings,
and a small one dissolves its shapes among the guesses; circles keep the way short over which it has to carry them.

Free scenes show the same kinds of things, but their shapes go straight in any direction and bounce elastically off the
walls.

Every quantity is a closed form of the frame number, so a clip of any length is a prefix of a longer one, and the
forward flow and its occlusion mask are exact.

All arithmetic is float64: pixel values are rounded once, so that the same seed gives the same bytes on
machines whose vector units round the last bit of a sine differently.

Units: pixels and frames. Pixel centres lie at integer + 0.5. Colours are RGB in [0, 1] until they are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Kind = Literal["disc", "square", "triangle", "ring"]

SIZE = 64
FPS = 10
KINDS: tuple[Kind, ...] = ("disc", "square", "triangle", "ring")
RADIUS = (10.0, 15.0)
SPEED = (0.5, 1.8)
STRIPE_PERIOD = 12.0
MAX_PAN = 0.6
MAX_SPIN = 0.12
HEADING = np.pi / 6  # of every shape in the eddy at frame 0; y is down
EDDY_PERIOD = 20  # frames
EDDY_SPEED = (0.6, 1.4)  # of the largest shape and of the smallest
EDDY_PAN = -0.25  # along the heading, of every second colour of the palette
EDDY_SPIN = 0.02
EDGE = 0.5  # half-width of the antialiased edge

PALETTE: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.16, 0.16),
    "orange": (0.95, 0.55, 0.12),
    "yellow": (0.95, 0.88, 0.20),
    "green": (0.15, 0.66, 0.27),
    "cyan": (0.13, 0.75, 0.80),
    "blue": (0.15, 0.30, 0.85),
    "purple": (0.55, 0.20, 0.75),
    "pink": (0.95, 0.52, 0.72),
    "white": (0.96, 0.96, 0.94),
    "black": (0.07, 0.07, 0.09),
}


@dataclass(frozen=True)
class Shape:
    """One moving shape. ``position`` is its centre at frame 0; walls are ``radius`` away from the border.

    ``velocity`` is that of frame 0; the heading turns by ``turn`` radians a frame, clockwise as the image is seen.
    """

    kind: Kind
    colour: str
    stripe: str | None
    radius: float
    position: tuple[float, float]
    velocity: tuple[float, float]
    angle: float
    spin: float
    turn: float = 0.0

    def centre(self, frame: Float) -> Float:
        """Centre ``(x, y)`` at each frame number, shape ``frame.shape + (2,)``, folded at the walls."""
        ahead, aside = frame, np.zeros_like(frame)
        if self.turn:
            ahead, aside = np.sin(self.turn * frame) / self.turn, (1 - np.cos(self.turn * frame)) / self.turn
        vx, vy = self.velocity
        way = (vx * ahead - vy * aside, vy * ahead + vx * aside)
        axes = [_bounce(p + w, self.radius, SIZE - self.radius) for p, w in zip(self.position, way, strict=True)]
        return np.stack(axes, axis=-1)

    def heading(self, frame: Float) -> Float:
        """Rotation angle in radians at each frame number."""
        return self.angle + self.spin * frame


@dataclass(frozen=True)
class Wave:
    """One term of the background: an integer wave vector on a torus of ``2 * SIZE`` pixels."""

    kx: int
    ky: int
    phase: tuple[float, float, float]
    amplitude: tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """Everything that a clip shows. Shapes are drawn in order, so the last one is on top."""

    base: tuple[float, float, float]
    base_name: str
    waves: tuple[Wave, ...]
    pan: tuple[float, float]
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class WorldClip:
    """A rendered clip.

    ``frames`` uint8 [T, 64, 64, 3]; ``flow`` float32 [T-1, 64, 64, 2], displacement (x, y) in pixels from frame
    t to t+1; ``visible`` bool [T-1, 64, 64], true where the point seen at frame t is inside the image and on
    top at frame t+1.
    """

    frames: NDArray[np.uint8]
    flow: NDArray[np.float32]
    visible: NDArray[np.bool_]


def sample_scene(seed: int) -> Scene:
    """Draw the scene that belongs to ``seed`` (any integer >= 0), moving by the laws of this world."""
    scene = sample_free_scene(seed)
    shapes = tuple(_in_eddy(shape) for shape in scene.shapes)
    return replace(scene, pan=_pan(scene.base_name), shapes=shapes)


def _in_eddy(shape: Shape) -> Shape:
    """The shape on its circle, moved to where the circle fits between the walls."""
    share = (shape.radius - RADIUS[0]) / (RADIUS[1] - RADIUS[0])
    speed, turn = EDDY_SPEED[1] - share * (EDDY_SPEED[1] - EDDY_SPEED[0]), 2 * np.pi / EDDY_PERIOD
    velocity, reach = _along_heading(speed), speed / turn
    room = (SIZE - 2 * (shape.radius + reach)) / (SIZE - 2 * shape.radius)
    x, y = (shape.radius + reach + room * (p - shape.radius) for p in shape.position)
    position = (float(x + velocity[1] / turn), float(y - velocity[0] / turn))
    return replace(shape, position=position, velocity=velocity, spin=EDDY_SPIN, turn=float(turn))


def _pan(colour: str) -> tuple[float, float]:
    return (0.0, 0.0) if list(PALETTE).index(colour) % 2 else _along_heading(EDDY_PAN)


def _along_heading(speed: float) -> tuple[float, float]:
    return float(speed * np.cos(HEADING)), float(speed * np.sin(HEADING))


def sample_free_scene(seed: int) -> Scene:
    """Draw the scene of ``seed`` moving freely: place, heading, speed, spin and pan are drawn.

    For those who must know every motion: the feature extractor, the autoencoder and the calibration suite.
    """
    rng = np.random.Generator(np.random.Philox(key=seed))
    base_name = str(rng.choice(list(PALETTE)))
    base = np.clip(np.array(PALETTE[base_name]) * 0.7 + 0.15 + rng.uniform(-0.05, 0.05, 3), 0, 1)
    waves = tuple(_sample_wave(rng) for _ in range(int(rng.integers(3, 6))))
    pan = (0.0, 0.0)
    if rng.random() < 0.5:
        direction = rng.uniform(0, 2 * np.pi)
        speed = rng.uniform(0.25, MAX_PAN)
        pan = (float(speed * np.cos(direction)), float(speed * np.sin(direction)))
    colours = [c for c in PALETTE if c != base_name]
    shapes = tuple(_sample_shape(rng, colours) for _ in range(int(rng.integers(1, 3))))
    return Scene((float(base[0]), float(base[1]), float(base[2])), base_name, waves, pan, shapes)


def _sample_wave(rng: np.random.Generator) -> Wave:
    kx, ky = 0, 0
    while (kx, ky) == (0, 0):
        kx, ky = int(rng.integers(-3, 4)), int(rng.integers(-3, 4))
    amplitude = rng.uniform(0.02, 0.10, 3)
    phase = rng.uniform(0, 2 * np.pi, 3)
    return Wave(
        kx,
        ky,
        (float(phase[0]), float(phase[1]), float(phase[2])),
        (float(amplitude[0]), float(amplitude[1]), float(amplitude[2])),
    )


def _sample_shape(rng: np.random.Generator, colours: list[str]) -> Shape:
    colour = str(rng.choice(colours))
    striped = rng.random() < 0.5
    stripe = str(rng.choice([c for c in PALETTE if c != colour])) if striped else None
    radius = float(rng.uniform(*RADIUS))
    position = rng.uniform(radius, SIZE - radius, 2)
    direction, speed = rng.uniform(0, 2 * np.pi), rng.uniform(*SPEED)
    spin = float(rng.uniform(-MAX_SPIN, MAX_SPIN)) if rng.random() < 0.5 else 0.0
    return Shape(
        KINDS[int(rng.integers(len(KINDS)))],
        colour,
        stripe,
        radius,
        (float(position[0]), float(position[1])),
        (float(speed * np.cos(direction)), float(speed * np.sin(direction))),
        float(rng.uniform(0, 2 * np.pi)),
        spin,
    )


def _bounce(x: Float, low: float, high: float) -> Float:
    """Fold ``x`` into [low, high] by elastic reflection (a triangle wave of period 2 * (high - low))."""
    span = high - low
    phase = np.mod(x - low, 2 * span)
    return low + span - np.abs(phase - span)


def render(scene: Scene, num_frames: int, first: int = 0) -> NDArray[np.uint8]:
    """Frames ``first`` to ``first + num_frames - 1``: uint8 [T, 64, 64, 3].

    Raises:
        ValueError: ``num_frames`` is not positive.
    """
    if num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, got {num_frames}")
    frame = np.arange(first, first + num_frames, dtype=np.float64)
    image = _background(scene, frame)
    x, y = _grid(num_frames)
    for shape in scene.shapes:
        u, v = _local(shape, frame, x, y)
        coverage = np.clip(0.5 - _distance(shape, u, v) / (2 * EDGE), 0, 1)[..., None]
        image = image * (1 - coverage) + _paint(shape, u) * coverage
    rounded: NDArray[np.uint8] = np.floor(image * 255 + 0.5).astype(np.uint8)
    return rounded


def flow(scene: Scene, num_frames: int, first: int = 0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Exact forward flow [T-1, 64, 64, 2] and its visibility mask [T-1, 64, 64] (see `WorldClip`).

    Raises:
        ValueError: fewer than two frames.
    """
    if num_frames < 2:
        raise ValueError(f"flow needs at least 2 frames, got {num_frames}")
    return flow_between(scene, np.arange(first, first + num_frames - 1, dtype=np.float64), 1)


def flow_between(scene: Scene, frame: Float, gap: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Exact flow from each of ``frame`` [P] to the frame ``gap`` later, or earlier where it is negative.

    Returns:
        Displacement float32 [P, 64, 64, 2] in pixels, and where its point is inside the image and on top there.
    """
    x, y = _grid(len(frame))
    owner = _owner(scene, frame, x, y)
    target_x, target_y = x + gap * scene.pan[0], y + gap * scene.pan[1]
    for index, shape in enumerate(scene.shapes):
        u, v = _local(shape, frame, x, y)
        moved_x, moved_y = _place(shape, frame + gap, u, v)
        mine = owner == index
        target_x, target_y = np.where(mine, moved_x, target_x), np.where(mine, moved_y, target_y)
    inside = (target_x >= 0) & (target_x < SIZE) & (target_y >= 0) & (target_y < SIZE)
    visible = inside & (_owner(scene, frame + gap, target_x, target_y) == owner)
    displacement = np.stack([target_x - x, target_y - y], axis=-1)
    return displacement.astype(np.float32), visible


def make_clip(seed: int, num_frames: int) -> WorldClip:
    """Render the clip of ``seed`` with its exact flow and visibility."""
    scene = sample_scene(seed)
    displacement, visible = flow(scene, num_frames)
    return WorldClip(render(scene, num_frames), displacement, visible)


def describe(scene: Scene) -> str:
    """One line of English about the scene, used as the item's prompt."""
    things = " and ".join(_describe_shape(s) for s in scene.shapes)
    ground = "a panning" if scene.pan != (0.0, 0.0) else "a still"
    return f"{things} over {ground} {scene.base_name} background"


def _describe_shape(shape: Shape) -> str:
    look = f"{shape.colour} and {shape.stripe} striped" if shape.stripe else shape.colour
    turn = "spinning " if shape.spin else ""
    pace = "drifting" if np.hypot(*shape.velocity) < 1.0 else "flying"
    article = "an" if (turn + look)[0] in "aeiou" else "a"
    return f"{article} {turn}{look} {shape.kind} {pace}"


def _grid(num_frames: int) -> tuple[Float, Float]:
    axis = np.arange(SIZE, dtype=np.float64) + 0.5
    y, x = np.meshgrid(axis, axis, indexing="ij")
    shape = (num_frames, SIZE, SIZE)
    return np.broadcast_to(x, shape), np.broadcast_to(y, shape)


def _background(scene: Scene, frame: Float) -> Float:
    """Background colour [T, 64, 64, 3]: a sum of plane waves that shift with the pan."""
    axis = np.arange(SIZE, dtype=np.float64) + 0.5
    x = axis[None, :] - scene.pan[0] * frame[:, None]
    y = axis[None, :] - scene.pan[1] * frame[:, None]
    image = np.broadcast_to(np.array(scene.base), (len(frame), SIZE, SIZE, 3)).copy()
    unit = 2 * np.pi / (2 * SIZE)
    for wave in scene.waves:
        ax, ay = unit * wave.kx * x, unit * wave.ky * y
        for channel in range(3):
            # cos(ax + ay + phase) as an outer product: two sines a row and a column instead of one a pixel.
            row = ay + wave.phase[channel]
            term = np.cos(row)[:, :, None] * np.cos(ax)[:, None, :] - np.sin(row)[:, :, None] * np.sin(ax)[:, None, :]
            image[..., channel] += wave.amplitude[channel] * term
    clipped: Float = np.clip(image, 0, 1)
    return clipped


def _local(shape: Shape, frame: Float, x: Float, y: Float) -> tuple[Float, Float]:
    """Image coordinates [T, ...] in the shape's own frame (origin at its centre, unrotated)."""
    centre, angle = shape.centre(frame), shape.heading(frame)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    dx, dy = x - centre[:, 0, None, None], y - centre[:, 1, None, None]
    return cos * dx + sin * dy, cos * dy - sin * dx


def _place(shape: Shape, frame: Float, u: Float, v: Float) -> tuple[Float, Float]:
    """The inverse of `_local`: where a point of the shape lies at each frame."""
    centre, angle = shape.centre(frame), shape.heading(frame)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    return centre[:, 0, None, None] + cos * u - sin * v, centre[:, 1, None, None] + sin * u + cos * v


def _distance(shape: Shape, u: Float, v: Float) -> Float:
    """Signed distance to the outline, negative inside. All shapes fit in a disc of ``radius``."""
    r = shape.radius
    distance: Float
    if shape.kind == "disc":
        distance = np.hypot(u, v) - r
    elif shape.kind == "ring":
        distance = np.abs(np.hypot(u, v) - 0.72 * r) - 0.28 * r
    elif shape.kind == "square":
        distance = np.maximum(np.abs(u), np.abs(v)) - r / np.sqrt(2)
    else:  # a triangle is the intersection of three half-planes whose normals are 120 degrees apart
        planes = [u * np.cos(a) + v * np.sin(a) for a in (np.pi / 2, np.pi * 7 / 6, np.pi * 11 / 6)]
        distance = np.maximum.reduce(planes) - r / 2
    return distance


def _paint(shape: Shape, u: Float) -> Float:
    """Surface colour [..., 3]: plain, or two colours in bands across the shape's own u axis."""
    first = np.array(PALETTE[shape.colour])
    if shape.stripe is None:
        return np.broadcast_to(first, (*u.shape, 3))
    second = np.array(PALETTE[shape.stripe])
    # A steep sine is a band pattern whose edges are about one pixel wide, like the outline's.
    mix = np.clip(0.5 + np.sin(2 * np.pi * u / STRIPE_PERIOD) * STRIPE_PERIOD / (4 * np.pi), 0, 1)[..., None]
    return first * mix + second * (1 - mix)


def _owner(scene: Scene, frame: Float, x: Float, y: Float) -> NDArray[np.int64]:
    """Index of the topmost shape at each point, -1 for the background."""
    owner = np.full(np.broadcast(frame[:, None, None], x).shape, -1, dtype=np.int64)
    for index, shape in enumerate(scene.shapes):
        u, v = _local(shape, frame, x, y)
        owner[_distance(shape, u, v) < 0] = index
    return owner

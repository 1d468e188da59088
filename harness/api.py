"""The promised surface for plugins: everything a variant or a metric needs, and nothing that may change.

``Clip`` is defined in `harness.clip`; it is re-exported here because every video metric receives one.
"""

from harness.checking import check_plugin
from harness.clip import CUT_PARAMS, Clip
from harness.contracts import Extractor, Generator
from harness.errors import CannotStart, HarnessError, ItemError, NoSetScore, first_line
from harness.flow import FLOW_PARAMS, FlowFields
from harness.flow_camera import CAMERA_PARAMS, camera_flow
from harness.flow_motion import MOTION_PARAMS, Motion, fastest
from harness.frechet import frechet_distance, grouped_kernel_distance, kernel_distance
from harness.model import Features, Frames, HubSource, Image, Item, Needs, Protocol, Request, Score, Weight
from harness.occlusion import landed, warp
from harness.registry import extractor, metric, variant
from harness.torchmetric import torchmetric
from harness.weights import listed as listed_weight
from harness.weights import resolve as resolve_weight
from harness.weights import safetensors_header
from harness.weights import shipped as shipped_weight
from harness.weights import unpinned as unpinned_weight
from harness.weights_catalogue import known_weight
from harness.windows_time import WINDOWS, window_means, window_of, window_ratios

__all__ = [
    "CAMERA_PARAMS",
    "CUT_PARAMS",
    "FLOW_PARAMS",
    "MOTION_PARAMS",
    "WINDOWS",
    "CannotStart",
    "Clip",
    "Extractor",
    "Features",
    "FlowFields",
    "Frames",
    "Generator",
    "HarnessError",
    "HubSource",
    "Image",
    "Item",
    "ItemError",
    "Motion",
    "Needs",
    "NoSetScore",
    "Protocol",
    "Request",
    "Score",
    "Weight",
    "camera_flow",
    "check_plugin",
    "extractor",
    "fastest",
    "first_line",
    "frechet_distance",
    "grouped_kernel_distance",
    "kernel_distance",
    "known_weight",
    "landed",
    "listed_weight",
    "metric",
    "resolve_weight",
    "safetensors_header",
    "shipped_weight",
    "torchmetric",
    "unpinned_weight",
    "variant",
    "warp",
    "window_means",
    "window_of",
    "window_ratios",
]

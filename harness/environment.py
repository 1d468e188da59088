"""What a result was made with: machine, Python, packages, accelerator, and the state of the source.

Recorded beside every result and part of no key: two environments that make different bytes are a finding.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import harness
from harness.doors import GROUPS
from harness.keys import digest
from harness.registry import REGISTRY

PACKAGES = (
    "accelerate",
    "av",
    "diffusers",
    "duckdb",
    "lpips",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "ptlflow",
    "safetensors",
    "scipy",
    "torch",
    "torchmetrics",
    "torchvision",
    "transformers",
)
OURS = "exvideo-bench"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # that a requirement begins with
SEPARATORS = re.compile(r"[-_.]+")


def describe(*, with_torch: bool = False) -> dict[str, Any]:
    """The environment of this process, ready for JSON.

    Keys: ``harness``, ``python``, ``system``, ``machine``, ``cpu``, ``cpu_count``, ``packages`` {name: version};
    ``torch`` (build, threads, flags) and ``gpu`` (name, memory, driver, CUDA) once torch is loaded or asked for;
    ``git`` {commit, dirty} where the installed source is a checkout.

    Args:
        with_torch: import torch to ask about the accelerator; otherwise only if something else has.
    """
    described: dict[str, Any] = {
        "harness": harness.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "cpu_count": os.cpu_count() or 0,
        "packages": _packages(),
    }
    if with_torch or "torch" in sys.modules:
        described |= _accelerator()
    if git := git_state():
        described["git"] = git
    return described


def env_key(described: Mapping[str, Any]) -> str:
    """The identity of an environment. The commit is recorded with the run instead: it changes with every commit."""
    return digest("env/1", {name: value for name, value in described.items() if name != "git"})


def git_state() -> dict[str, Any] | None:
    """``{"commit": ..., "dirty": ...}`` of the source that is running, None where it is not a checkout."""
    folder = Path(harness.__file__).parent
    # An installation inside somebody's repository is not a checkout of ours: the file must be tracked there.
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--", ":/")
    return {"commit": commit, "dirty": bool(changes)} if commit else None


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def new_run_id() -> str:
    """A UUID version 7 (RFC 9562): identifiers sort by the time they were made."""
    value = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def _packages() -> dict[str, str]:
    """The versions of `PACKAGES`, of installed packages that bring plugins and what those require, and of what plugin
    files import."""
    versions = {}
    for name in (*PACKAGES, *_plugin_packages(), *_file_packages(REGISTRY.files)):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def _plugin_packages() -> list[str]:
    """Names of the distributions behind the entry points and of their requirements, extras apart.

    What is installed is asked and not what has been imported, which differs between the processes of one run.
    """
    found = {entry.dist for group in GROUPS for entry in metadata.entry_points(group=group) if entry.dist}
    asked = (text for dist in found for text in dist.requires or () if "extra ==" not in text)
    required = (match[0] for text in asked if (match := NAME.match(text)))
    plain = {_plain(name) for name in (*(dist.name for dist in found), *required)}
    return sorted(plain - {*PACKAGES, OURS})


def _file_packages(files: Iterable[Path]) -> list[str]:
    """Names of the distributions whose modules plugin files import anywhere, as far as they are installed."""
    modules = {module for path in files for module in imported(path)}
    modules -= {*sys.stdlib_module_names, *PACKAGES, harness.__name__}
    named = {module: name for module in modules if (name := _distribution(module))}
    rest = modules - named.keys()
    others = metadata.packages_distributions() if rest else {}  # reads every distribution's list of files
    found = {*named.values(), *(name for module in rest for name in others.get(module, ()))}
    return sorted({_plain(name) for name in found} - {*PACKAGES, OURS})


def imported(path: Path) -> set[str]:
    """The top-level modules that a Python file imports, inside functions too; none of one that cannot be read now."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return set()
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | froms}


def _distribution(module: str) -> str:
    """The distribution that has the name of a module, as most do; empty where there is none."""
    try:
        return metadata.distribution(module).name
    except metadata.PackageNotFoundError:
        return ""


def _plain(name: str) -> str:
    return SEPARATORS.sub("-", name).lower()


def _accelerator() -> dict[str, Any]:
    import torch

    described: dict[str, Any] = {
        "torch": {
            "version": torch.__version__,
            "cuda": torch.version.cuda,
            "threads": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "tf32": torch.backends.cuda.matmul.allow_tf32,
        }
    }
    if torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(torch.cuda.current_device())
        described["gpu"] = {
            "name": facts.name,
            "memory_bytes": facts.total_memory,
            "count": torch.cuda.device_count(),
            "driver": _driver(),
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return described


def _driver() -> str | None:
    return _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0")


def _git(folder: Path, *arguments: str) -> str | None:
    return _output("git", "-C", str(folder), *arguments)


def _output(*command: str) -> str | None:
    """What a command prints, None if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

"""What pages of the site may load and run, as their own policy and as headers for hosts that send them."""

from __future__ import annotations

from collections.abc import Iterable

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
HEADERS = (
    # A page's own policy cannot say who may frame it.
    ("Content-Security-Policy", f"{POLICY}; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def headers_file() -> str:
    """The headers in the form that static hosts read as ``_headers``."""
    return "/*\n" + "".join(f"  {name}: {value}\n" for name, value in HEADERS)


def inline_policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """The policy of a page that has everything in itself: exactly these scripts and styles, by digest, and no host.

    Args:
        scripts, styles: base64 of the sha256 of each inline element's content.
    """
    allowed = (
        ("script-src", " ".join(f"'sha256-{digest}'" for digest in scripts) or "'none'"),
        ("style-src", " ".join(f"'sha256-{digest}'" for digest in styles) or "'none'"),
    )
    named = "; ".join(f"{name} {sources}" for name, sources in allowed)
    return f"default-src 'none'; {named}; img-src data:; base-uri 'none'; form-action 'none'"

"""The media of a site as its pages ask for them, and how they come about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.errors import HarnessError
from harness.media import MediaMaker, Preview
from harness.model import Image, Suite
from harness.sitemodel import SiteModel, VideoView


@dataclass(frozen=True)
class SiteMedia:
    """The media of a site: previews by sha256 of the master, conditioning images by suite and item.

    ``wanted`` is False for a site that is published without media. ``credited`` names author and licence of the images
    whose licence asks for it.
    """

    wanted: bool
    previews: Mapping[str, Preview]
    pictures: Mapping[tuple[str, str], str]
    credited: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def preview(self, view: VideoView) -> Preview | None:
        """The media of a video, None when there are none."""
        return self.previews.get(view.row.video)

    def picture(self, suite: Suite, slug: str) -> str | None:
        """The path of an item's conditioning image, None when it is not at hand."""
        return self.pictures.get((suite.label, slug))

    def credit(self, suite: Suite, slug: str) -> str:
        """Author and licence of an item's conditioning image, empty where none need be named."""
        return self.credited.get((suite.label, slug), "")


def site_media(model: SiteModel, maker: MediaMaker, *, wanted: bool) -> SiteMedia:
    """Make or take over the media of every video and item of the site."""
    if not wanted:
        return SiteMedia(False, {}, {})
    for submission in model.submissions:
        for row in submission.rows:
            maker.preview(row.video, submission.suite.protocol.fps)
    pictures, credited = {}, {}
    for board in model.boards:
        for slug, image, credit in _conditioning_images(board.suite):
            pictures[board.suite.label, slug] = maker.picture(image)
            credited[board.suite.label, slug] = credit
    maker.write_index()
    return SiteMedia(True, maker.index, pictures, credited)


def _conditioning_images(suite: Suite) -> Iterator[tuple[str, Image, str]]:
    """The images of a suite that is installed here with the same key, with their credits; none for any other."""
    from harness.suite import load_suite

    try:
        loaded = load_suite(suite.label)
    except HarnessError:
        return
    if loaded.suite.key != suite.key:
        return
    for item in loaded.suite.items:
        yield item.slug, loaded.image(item), loaded.credit(item)

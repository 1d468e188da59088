"""One page as one file, and the site over HTTP."""

from __future__ import annotations

import re
import threading
import urllib.request
from collections.abc import Iterator
from email.message import Message
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser

from harness import site_single
from harness.cli import run_app
from harness.errors import CannotStart, Refused, UsageError
from harness.site_serve import address, server
from harness.site_single import single_file
from tests.site.browsing import Visit
from tests.site.conftest import Site
from tests.site.synthetic import LOOKS, result, small_suite, write_result

ITEM = "items/demo-1/000-scene.html"


def test_single_file_has_everything_in_itself(site: Site) -> None:
    text = single_file(site.folder, "index.html").decode()
    assert re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', text) == []
    assert "7.0" in text
    assert text.count("<style>") == text.count("<script>") == 1
    assert "'self'" not in text
    assert "data:image/webp" in text  # the strips of the example
    item = single_file(site.folder, ITEM).decode()
    assert "<video" not in item
    assert item.count("flashes more than three times a second") == 1  # the warning stands before the poster


@pytest.mark.slow
def test_single_file_opens_alone_and_runs_its_own_scripts(browser: Browser, site: Site, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_bytes(single_file(site.folder, "index.html"))
    visit = Visit(browser)
    page = visit.open(tmp_path / "report.html")
    page.get_by_role("button", name="Sort by warp_error").click()
    assert page.locator("#board [aria-sort]").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.brand')).fontWeight") == "700"
    assert [url for url in visit.requests if not url.startswith("data:")] == [(tmp_path / "report.html").as_uri()]
    assert visit.complaints == []
    visit.close()


def test_single_file_must_be_a_page_of_moderate_size(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in ("nothing.html", "../public/data/demo-1.csv", "data/demo-1.csv"):
        with pytest.raises(UsageError, match="no page") as caught:
            single_file(site.folder, page)
        assert caught.value.code == "E-OPTION"
    monkeypatch.setattr(site_single, "MAX_BYTES", 1000)
    with pytest.raises(Refused, match="too large"):
        single_file(site.folder, "index.html")


@pytest.fixture
def served(site: Site) -> Iterator[str]:
    with server(site.folder, 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield address(running).removesuffix("index.html")
        running.shutdown()
        thread.join()


def fetch(url: str, **headers: str) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.headers, answer.read()


def test_served_pages_have_the_headers_of_a_good_host(site: Site, served: str) -> None:
    status, headers, body = fetch(served + "index.html")
    assert status == HTTPStatus.OK
    assert body == (site.folder / "index.html").read_bytes()
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in (site.folder / "_headers").read_text()


def test_ranges_are_served_as_players_ask_for_them(site: Site, served: str) -> None:
    video = next(site.folder.rglob("*.mp4"))
    url, data = served + video.relative_to(site.folder).as_posix(), video.read_bytes()
    for asked, part in (("bytes=0-", data), ("bytes=10-19", data[10:20]), ("bytes=-5", data[-5:])):
        status, headers, body = fetch(url, Range=asked)
        assert (status, body) == (HTTPStatus.PARTIAL_CONTENT, part)
        assert headers["Content-Range"].endswith(f"/{len(data)}")
    assert fetch(url)[2] == data
    with pytest.raises(HTTPError) as caught:
        fetch(url, Range=f"bytes={len(data)}-")
    assert caught.value.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    caught.value.close()


def test_folders_are_not_listed(served: str) -> None:
    with pytest.raises(HTTPError) as caught:
        fetch(served + "data/")
    assert caught.value.code == HTTPStatus.NOT_FOUND
    caught.value.close()


def test_taken_port_is_refused(site: Site) -> None:
    with server(site.folder, 0) as running, pytest.raises(CannotStart) as caught:
        server(site.folder, running.server_port)
    assert caught.value.code == "E-PORT"


def test_command_writes_one_file_and_leaves_the_site_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_result(tmp_path / "published", result(small_suite(2), LOOKS[0]))
    arguments = ["publish", "--from", "published", "--media", "none", "--single", "report.html"]
    assert run_app([*arguments, "--page", "method.html"]) == 0
    assert "Uncertainty" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "site").exists()
    assert "report.html" in capsys.readouterr().out
    assert run_app([*arguments, "--serve", "0"]) == 2
    assert "E-OPTION" in capsys.readouterr().err


def test_command_opens_and_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", lambda self: None)
    write_result(tmp_path / "published", result(small_suite(1), LOOKS[0]))
    arguments = ["publish", "--from", "published", "--media", "none", "--out", "public", "--open"]
    assert run_app(arguments) == 0
    assert opened.pop() == (tmp_path / "public/index.html").as_uri()
    assert run_app([*arguments, "--serve", "0"]) == 0
    assert opened.pop().startswith("http://127.0.0.1:")

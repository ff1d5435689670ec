"""Makes the pictures of ``images/``: the demo's preview page, its map in the viewer, its result in a notebook, recipes.

Needs the extras ``view`` and ``dask``, pillow, playwright, scipy and Chromium. Names after the command choose some:
``python docs/screenshots.py demo recipe-dem``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from rastercollection import process_collection, view_collection
from rastercollection.cli.demo import demo_arguments, make_scene

DOCS = Path(__file__).parent
WITH_SERVERS = "pgstac"


@contextmanager
def _browser(width: int, height: int) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": width, "height": height})
        browser.close()


def _keep(page: Page, target: Path) -> None:
    """What is in sight."""
    page.screenshot(path=target)
    picture = Image.open(target).convert("RGB")
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    few.save(target, optimize=True)


def _preview(folder: Path, target: Path) -> None:
    """The page that a job has made somewhere below a folder."""
    (made,) = [path for path in folder.rglob("*.html") if "stac" not in path.parts]
    with _browser(1000, 720) as page:
        page.goto(made.as_uri())
        page.wait_for_timeout(1000)
        under = page.evaluate("document.querySelector('table').getBoundingClientRect().top")
        page.set_viewport_size({"width": 1000, "height": min(int(under), 1100)})
        _keep(page, target)


def _demo(folder: Path, target: Path) -> None:
    make_scene(folder / "sources")
    process_collection(**demo_arguments(folder))
    _preview(folder / "output", target)


def _viewer(folder: Path, target: Path) -> None:
    make_scene(folder / "sources")
    process_collection(**demo_arguments(folder))
    with view_collection(f"{folder}/output", port=0) as address, _browser(1160, 750) as page:
        page.goto(address)
        page.wait_for_selector("#map[aria-busy=false] .leaflet-tile-loaded", state="attached")
        for folded in ("#about", "#adjust"):
            page.locator(f"{folded} summary").click()
        page.locator("#map").click(position={"x": 310, "y": 500})
        page.wait_for_selector("#items .item img")
        page.mouse.move(660, 400)
        page.evaluate("document.getElementById('panel').scrollTo(0, 0)")
        page.wait_for_timeout(1000)
        _keep(page, target)


def _notebook(folder: Path, target: Path) -> None:
    make_scene(folder / "sources")
    result = process_collection(**demo_arguments(folder))
    with _browser(820, 1000) as page:
        page.set_content(f'<body style="margin:20px">{result._repr_html_().replace(str(folder), "")}')
        _keep(page, target)


def _recipe(name: str, folder: Path, target: Path) -> None:
    text = (DOCS / "recipes" / f"{name}.md").read_text(encoding="utf-8")
    program = folder / "recipe.py"
    program.write_text("\n".join(re.findall(r"^```python\n(.+?)^```", text, re.DOTALL | re.MULTILINE)))
    subprocess.run([sys.executable, str(program)], cwd=folder, check=True)
    _preview(folder, target)


def _pictures() -> Mapping[str, Callable[[Path, Path], None]]:
    names = {path.stem for path in (DOCS / "recipes").glob("*.md")} - {"index", WITH_SERVERS}
    recipes = {f"recipe-{name}": partial(_recipe, name) for name in sorted(names)}
    return {"demo": _demo, "viewer": _viewer, "notebook": _notebook, **recipes}


def main(*chosen: str) -> None:
    for name, make in _pictures().items():
        if not chosen or name in chosen:
            with tempfile.TemporaryDirectory() as folder:
                make(Path(folder), DOCS / "images" / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

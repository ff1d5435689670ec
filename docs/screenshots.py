"""Makes images/viewer.png and images/notebook.png: the viewer's page, and a notebook's output, of the demo scene.

Needs the extra ``view``, pillow, playwright and Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from rastercollection import process_collection, view_collection
from rastercollection.cli.demo import demo_arguments, make_scene

IMAGES = Path(__file__).parent / "images"
VIEWER, NOTEBOOK = IMAGES / "viewer.png", IMAGES / "notebook.png"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_scene(Path(folder) / "sources")
        result = process_collection(**demo_arguments(Path(folder)))
        with view_collection(f"{folder}/output", port=0) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1160, "height": 750})
            page.goto(address)
            page.wait_for_selector("#map[aria-busy=false] .leaflet-tile-loaded", state="attached")
            for folded in ("#about", "#adjust"):
                page.locator(f"{folded} summary").click()
            page.locator("#map").click(position={"x": 310, "y": 500})
            page.wait_for_selector("#items .item img")
            page.mouse.move(660, 400)
            page.evaluate("document.getElementById('panel').scrollTo(0, 0)")
            page.wait_for_timeout(1000)
            page.screenshot(path=VIEWER)
            page = browser.new_page(viewport={"width": 820, "height": 1000})
            page.set_content(f'<body style="margin:20px">{result._repr_html_().replace(folder, "")}')
            page.screenshot(path=NOTEBOOK)
            browser.close()
    for target in (VIEWER, NOTEBOOK):
        picture = Image.open(target).convert("RGB")
        few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
        few.save(target, optimize=True)


if __name__ == "__main__":
    main()

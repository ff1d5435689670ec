"""The viewer's page in a browser: how tests wait for it, and what they look at."""

from __future__ import annotations

from typing import Any

import rasterio

DESKTOP = {"width": 960, "height": 640}
PHONE = {"width": 390, "height": 844}
DRAWN = "#map[aria-busy=false] .leaflet-tile-loaded"
PIXELS = """() => {
    const colors = new Map();
    for (const tile of document.querySelectorAll(".leaflet-tile-loaded[src]")) {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [tile.naturalWidth, tile.naturalHeight];
        const context = canvas.getContext("2d");
        context.drawImage(tile, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4 * 97) {
            if (data[i + 3] > 0) colors.set([data[i], data[i + 1], data[i + 2]].join(), 1);
        }
    }
    return [...colors.keys()];
}"""


def wait_until_drawn(page: Any) -> None:
    """Until all of its tiles are there."""
    page.wait_for_selector(DRAWN, state="attached")


def click_at(page: Any, longitude: float, latitude: float) -> None:
    """Read the pixel at a place."""
    x, y = page.evaluate(f"(({{x, y}}) => [x, y])(viewer.map.latLngToContainerPoint([{latitude}, {longitude}]))")
    page.locator("#map").click(position={"x": x, "y": y})
    page.wait_for_selector("#items .item, #items .hint:has-text('No item')")


def color_at(page: Any, longitude: float, latitude: float) -> list[int]:
    """Red, green and blue of the map at a place, as it is on the screen."""
    wait_until_drawn(page)
    page.wait_for_timeout(400)  # tiles fade in
    x, y = page.evaluate(f"(({{x, y}}) => [x, y])(viewer.map.latLngToContainerPoint([{latitude}, {longitude}]))")
    box = page.locator("#map").bounding_box()
    picture = page.screenshot(clip={"x": box["x"] + x, "y": box["y"] + y, "width": 1, "height": 1})
    with rasterio.MemoryFile(picture) as memory, memory.open() as pixel:
        return [int(value) for value in pixel.read()[:3, 0, 0]]

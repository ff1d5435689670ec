"""Sizes and CPU of encoders over many images, real and made, as a table for docs/compression.md.

    python benchmarks/encoders.py FOLDER [--write]

FOLDER holds rasters of any kind that GDAL reads; what is too small, or cannot be read, is passed over.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from cog import tiles
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.model.cog import CogSettings
from rastercollection.model.receipt import EncodingChoice
from rastercollection.rasters.encoding.adaptive import AdaptiveDeflate
from rastercollection.rasters.encoding.candidates import DEFLATE, HUFFMAN, QUICK
from rastercollection.rasters.encoding.choosing import choose
from rastercollection.rasters.encoding.encoders import encoder_of
from rastercollection.rasters.encoding.predictors import predicted, usual_predictor
from rastercollection.rasters.encoding.sampling import sample_windows

PAGE = Path(__file__).parent.parent / "docs" / "compression.md"
MARK = "<!-- table -->"
SIDE, MADE = 512, 2048
SMALLEST, LARGEST = 128 * 128, 3072
RUNS = 2

Array = NDArray[Any]
Encode = Callable[[Array], bytes]


def made() -> Iterator[tuple[str, Array]]:
    """Images of many kinds, ``(bands, rows, columns)``."""
    rng = np.random.default_rng(0)
    fractal, pixels = tiles.fractal, tiles.pixels
    yield "picture, busy", pixels("rgb", MADE)
    yield "picture, smooth", np.stack([255 * fractal(MADE, seed, 0.55) for seed in range(3)]).astype("uint8")
    yield "four spectral bands", pixels("uint16", MADE)
    yield "elevation", pixels("dem", MADE)
    yield "elevation, 0.3% gaps", pixels("dem_gaps", MADE)
    yield "elevation, smooth", (1000 * fractal(MADE, 5, 0.6)).astype("float32")[np.newaxis]
    yield "elevation in centimetres", (1000 * fractal(MADE, 5, 0.6)).round(2).astype("float32")[np.newaxis]
    yield "elevation, whole metres", (3000 * fractal(MADE, 5, 0.6)).astype("int16")[np.newaxis]
    yield "reflectance as fractions", ((10_000 * fractal(MADE, 2)).round() / 10_000).astype("float32")[np.newaxis]
    yield "few levels of 16 bits", (1000 + 40 * fractal(MADE, 2)).astype("uint16")[np.newaxis]
    yield "radar amplitude", (rng.rayleigh(100, (2, MADE, MADE)) * (0.2 + fractal(MADE, 3))).astype("uint16")
    yield "classes", (12 * fractal(MADE, 8, 0.5)).astype("uint8")[np.newaxis]
    yield "a mask", np.where(fractal(MADE, 11, 0.6) > 0.5, 255, 0).astype("uint8")[np.newaxis]
    palette = rng.permutation(256).astype("uint8")
    yield "shuffled palette", palette[(255 * fractal(MADE, 9, 0.6)).astype("uint8")][np.newaxis]
    yield "64-bit elevation", (300 + 900 * fractal(MADE, 4)).astype("float64")[np.newaxis]
    yield "complex", (fractal(MADE, 4) + 1j * fractal(MADE, 6)).astype("complex64")[np.newaxis]
    yield "noise", rng.integers(0, 256, (1, MADE, MADE), "uint8")
    yield "nothing", np.zeros((3, MADE, MADE), "uint8")
    yield from mosaics(rng)


def mosaics(rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """Parts that suit other encoders: what a sample says of one is wrong of the next."""
    picture = tiles.pixels("rgb", MADE)
    triangle = picture.copy()
    triangle[:, np.add(*np.indices((MADE, MADE))) < MADE] = 0
    yield "picture, half nodata", triangle
    halves = picture.copy()
    halves[:, :, MADE // 2 :] = rng.integers(0, 256, (3, MADE, MADE // 2), "uint8")
    yield "picture beside noise", halves
    patterns = np.tile(rng.integers(0, 256, (3, 128, 128), "uint8"), (1, MADE // 128, MADE // 128))
    blocks = np.indices((MADE, MADE)) // SIDE
    yield "picture and patterns in turn", np.where(blocks.sum(axis=0) % 2, picture, patterns)


def real(folder: Path) -> Iterator[tuple[str, Array]]:
    """What lies in a folder, or the middle of it where it is large."""
    for path in sorted(folder.iterdir()):
        try:
            with rasterio.open(path) as image:
                if image.count == 0 or image.width * image.height < SMALLEST:
                    continue
                width, height = min(image.width, LARGEST), min(image.height, LARGEST)
                left, top = ((whole - part) // 2 for whole, part in ((image.width, width), (image.height, height)))
                data = image.read(window=Window(left, top, width, height))
        except rasterio.errors.RasterioError:
            continue
        yield path.name.partition("__")[2].rpartition(".")[0] or path.stem, data.astype(data.dtype.newbyteorder("="))


def settings(codec: str, level: Any) -> CogSettings:
    return CogSettings(
        tier="analysis", storage_class="hot", compression=codec, level=level, quality=None,
        overview_resampling="nearest", warp_resampling="nearest", block_size=SIDE,
    )  # fmt: skip


@attrs.frozen(kw_only=True)
class Measured:
    """What an encoder made of an image: bytes, CPU seconds of encoding, and of choosing it."""

    size: int
    seconds: float
    choosing: float = 0.0


@attrs.frozen(kw_only=True)
class Row:
    name: str
    image: str
    raw: int
    chosen: str
    by: dict[str, Measured]

    def ratio(self, encoder: str) -> float:
        return self.by[encoder].size / self.by["libdeflate 6"].size


def measure(encode: Encode, blocks: list[Array], choosing: float = 0.0) -> Measured:
    best, size = float("inf"), 0
    for _ in range(RUNS):
        started = time.thread_time()
        size = sum(len(encode(block)) for block in blocks)
        best = min(best, time.thread_time() - started)
    return Measured(size=size, seconds=best, choosing=choosing)


def adaptive(image: Array, codec: str, blocks: list[Array]) -> tuple[Measured, EncodingChoice]:
    asked = settings(codec, "auto")
    windows = sample_windows(image.shape[2], image.shape[1], SIDE)
    started = time.thread_time()
    choice = choose([image[(slice(None), *window.toslices())] for window in windows], asked, image.dtype)
    spent = time.thread_time() - started
    return measure(encoder_of(asked, image.dtype, len(image), choice=choice).encode, blocks, spent), choice


def row(name: str, image: Array) -> Row:
    bands, height, width = image.shape
    blocks = [
        image[:, top : top + SIDE, left : left + SIDE]
        for top in range(0, height, SIDE)
        for left in range(0, width, SIDE)
    ]
    predictor = usual_predictor("DEFLATE", image.dtype)
    ours, choice = adaptive(image, "DEFLATE", blocks)
    zstd, level = adaptive(image, "ZSTD", blocks)
    by = {
        "libdeflate 6": measure(encoder_of(settings("DEFLATE", 6), image.dtype, bands).encode, blocks),
        "adaptive": ours,
        QUICK: measure(lambda block: DEFLATE[QUICK].compress(predicted(block, SIDE, predictor)), blocks),
        HUFFMAN: measure(lambda block: DEFLATE[HUFFMAN].compress(predicted(block, SIDE, predictor)), blocks),
        "ZSTD 1": measure(encoder_of(settings("ZSTD", 1), image.dtype, bands).encode, blocks),
        "ZSTD auto": zstd,
    }
    encoder = AdaptiveDeflate(creation_options={}, side=SIDE, choice=choice)
    used = Counter(encoder.encoder_for(block) for block in blocks).most_common()
    chosen = ", ".join(name if len(used) == 1 else f"{name} ({100 * count / len(blocks):.0f}%)" for name, count in used)
    without = "; no predictor" if choice.predictor != predictor else ""
    kind = f"{bands} × {image.dtype}" if bands > 1 else str(image.dtype)
    return Row(
        name=name, image=kind, raw=sum(b.nbytes for b in blocks), chosen=f"{chosen}{without} · {level.encoder}", by=by
    )


def table(rows: list[Row]) -> str:
    names = list(rows[0].by)
    lines = [
        f"| image | type | {' | '.join(names)} | adaptive took · ZSTD auto took |",
        "|---|---|" + "---|" * (len(names) + 1),
    ]
    for one in sorted(rows, key=lambda one: one.ratio("adaptive")):
        cells = [f"{one.ratio(name):.3f} · {1e9 * one.by[name].seconds / one.raw:.1f}" for name in names]
        lines.append(f"| {one.name} | {one.image} | {' | '.join(cells)} | {one.chosen} |")
    return "\n".join([*lines, "", summary(rows)])


def summary(rows: list[Row]) -> str:
    worst = max(rows, key=lambda one: one.ratio("adaptive"))
    spent = {name: sum(one.by[name].seconds for one in rows) for name in rows[0].by}
    size = {name: sum(one.by[name].size for one in rows) for name in rows[0].by}
    choosing = 1000 * float(np.median([one.by["adaptive"].choosing for one in rows]))
    share = (spent["adaptive"] + sum(one.by["adaptive"].choosing for one in rows)) / spent["libdeflate 6"]
    ratio, sizes = worst.ratio("adaptive"), size["adaptive"] / size["libdeflate 6"]
    return (
        f"{len(rows)} images. The largest of adaptive against libdeflate 6: {ratio:.3f} ({worst.name}). All together: "
        f"{sizes:.3f} of the size in {share:.2f} of the CPU. Choosing took "
        f"{choosing:.0f} ms of CPU an image (median)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into docs/compression.md")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    rows = []
    for source in (made(), real(arguments.folder)):
        for name, image in source:
            rows.append(row(name, image))
            print(name, f"{rows[-1].ratio('adaptive'):.4f}", rows[-1].chosen, flush=True)
    if max(one.ratio("adaptive") for one in rows) > 1.01:
        raise SystemExit("an image is more than 1% larger than with libdeflate 6")
    print(table(rows))
    if arguments.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARK)
        _, _, after = rest.partition(MARK)
        PAGE.write_text(f"{before}{MARK}\n{table(rows)}\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Rounds of all tools, one after the other, so that whatever else the machine does meets them alike."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from cog.cases import CASES, PEERS, Peer, together
from cog.measure import Run, run, run_command
from cog.tools import gdalwarp_command

__all__ = ["Rounds"]


class Rounds:
    """What is measured of the cases, a sample at a time; what was measured before is not measured again.

    Args:
        results: To add to.
        store: Keeps them; called after every sample.
        folder: For outputs.
        repeat: How many rounds.
        patience: Peers that took more CPU seconds in their first round have no other.
        thorough: Whether slow peers have as many rounds as others, and all of them are measured.
        without: Peers that are left out.
    """

    def __init__(
        self,
        results: dict[str, Any],
        store: Callable[[], None],
        folder: Path,
        *,
        repeat: int,
        patience: float,
        thorough: bool,
        without: Collection[str] = (),
    ) -> None:
        self.results, self.store, self.folder = results, store, folder
        self.repeat, self.patience, self.thorough, self.without = repeat, patience, thorough, without

    def measure(self, first: str, source: Path) -> None:
        """A case and those that share its peers."""
        names = [name for name in together(first) if not CASES[name].fast or importlib.util.find_spec("numba")]
        for number in range(self.repeat):
            for name in names:
                self._ours(name, source, number)
            self._floor(first, names, source, number)
            for name, peer in PEERS.items():
                self._peer(first, name, peer, source, number)
        for name in names:
            self._profile(name, source)

    def _samples(self, *place: str) -> list[Any]:
        found = self.results
        for key in place[:-1]:
            found = found.setdefault(key, {})
        samples: list[Any] = found.setdefault(place[-1], [])
        return samples

    def _ours(self, name: str, source: Path, number: int) -> None:
        samples, case = self._samples("cases", name, "ours"), CASES[name]
        if len(samples) > number:
            return
        arguments = {**self._files(source), "parameters": case.ours, "fast": case.fast}
        if case.fast and not samples:
            run("ours", arguments)  # kernels are compiled once
        samples.append(self._checked("ours", run("ours", arguments)))
        self.store()

    def _floor(self, first: str, names: list[str], source: Path, number: int) -> None:
        samples = self._samples("floors", first)
        if len(samples) > number:
            return
        encoders = sorted({CASES[name].encoder for name in names})
        done = run("floor", {**self._files(source), "encoders": encoders, "warps": CASES[first].warps})
        samples.append(json.loads(done.said))
        self.store()

    def _peer(self, first: str, name: str, peer: Peer, source: Path, number: int) -> None:
        if name in self.without or (peer.thorough and not self.thorough):
            return
        if peer.tool == "gdalwarp" and not shutil.which("gdalwarp"):
            return
        samples = self._samples("cases", first, name)
        rounds = self.repeat if self.thorough or peer.always else 1
        if not self.thorough and samples and samples[0]["cpu"] > self.patience:
            rounds = 1
        if len(samples) > number or number >= rounds:
            return
        arguments = {**self._files(source), "codec": CASES[first].codec, **dict(peer.extra)}
        if peer.tool == "gdalwarp":
            done = run_command(gdalwarp_command(**arguments), arguments["target"])
        else:
            done = run(peer.tool, arguments, cache=peer.cache)
        samples.append(self._checked(name, done))
        self.store()

    def _profile(self, name: str, source: Path) -> None:
        """Where the time goes, once."""
        profiles, case = self.results.setdefault("profiles", {}), CASES[name]
        if name not in profiles:
            arguments = {**self._files(source), "parameters": case.ours, "fast": case.fast}
            profiles[name] = json.loads(run("profile", arguments).said)
            self.store()

    def _files(self, source: Path) -> dict[str, Any]:
        return {"source": str(source), "target": str(self.folder / "out.tif")}

    def _checked(self, tool: str, done: Run) -> dict[str, Any]:
        """Nobody is measured on a failed output."""
        import rasterio

        with rasterio.open(self.folder / "out.tif") as cog:
            assert cog.crs.to_epsg() == 4326, tool
            assert cog.block_shapes[0] == (512, 512), tool
            assert max(cog.shape) <= 512 or cog.overviews(1), tool
        return done.to_dict()

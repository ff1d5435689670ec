"""What is needed is summed over all that lies on one disk."""

from __future__ import annotations

from rastercollection.core.disks import Disk
from rastercollection.model.room import Need, Room, Use

MIB = 2**20


def room(**devices: tuple[int, int]) -> Room:
    uses: tuple[Use, ...] = ("output", "scratch", "state")
    return Room(
        disks={use: Disk(path=f"/{use}", device=devices[use][0], free=devices[use][1] * MIB) for use in uses},
    )


NEEDS: dict[Use, Need] = {
    "output": Need(least=2 * MIB, likely=60 * MIB),
    "scratch": Need(likely=30 * MIB),
    "state": Need(least=MIB, likely=20 * MIB),
}


def test_on_disks_of_their_own_each_has_what_it_needs() -> None:
    assert list(room(output=(1, 60), scratch=(2, 30), state=(3, 20)).shortages(NEEDS)) == []


def test_on_one_disk_they_are_summed() -> None:
    assert list(room(output=(1, 110), scratch=(1, 110), state=(1, 110)).shortages(NEEDS)) == []
    [short] = room(output=(1, 109), scratch=(1, 109), state=(1, 109)).shortages(NEEDS)
    assert not short.is_certain
    assert "109 MiB are free" in short.message
    assert "COGs, temporary files, the record of the job will take about 110 MiB" in short.message


def test_less_than_the_least_is_certain() -> None:
    [output] = room(output=(1, 1), scratch=(2, 30), state=(3, 20)).shortages(NEEDS)
    assert output.is_certain
    assert "at least 2 MiB" in output.message

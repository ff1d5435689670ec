"""The temporary folder in which multiprocessing keeps its sockets: one that tells whose it is."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from multiprocessing import util

from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import folder_for

__all__ = ["mark_socket_folder"]

_LONGEST_ADDRESS = 107
_SOCKET = len("/listener-xxxxxxxx")


def mark_socket_folder() -> None:
    """Have multiprocessing use a folder with this process's mark, unless it has one already.

    It makes one for its fork server, and removes it when the program ends; that of a program that is killed stays.
    """
    config = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]  # nothing public sets it
    if os.name != "posix" or config.get("tempdir") is not None:
        return
    folder = folder_for(Mark())
    if len(os.fsencode(folder)) + _SOCKET > _LONGEST_ADDRESS:
        os.rmdir(folder)
        return
    config["tempdir"] = folder
    util.Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=-100)

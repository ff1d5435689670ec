"""What a process may use of the machine, as control groups and the system tell."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rastercollection.core import machine
from rastercollection.core.machine import available_cores, available_memory, parse_bytes, process_memory

MIB = 2**20


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_2_quota_of_a_parent_group_counts(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="0::/kubepods/pod1/c1\n",
        sys__fs__cgroup__kubepods__pod1__cpu_DOT_max="150000 100000\n",
        sys__fs__cgroup__kubepods__pod1__c1__cpu_DOT_max="max 100000\n",
    )
    assert machine._cgroup_cores(root) == 1.5


def test_version_1_quota_and_memory(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="6:memory:/docker/c1\n1:cpu,cpuacct:/docker/c1\n",
        **{
            "sys__fs__cgroup__cpu,cpuacct__docker__c1__cpu_DOT_cfs_quota_us": "300000\n",
            "sys__fs__cgroup__cpu,cpuacct__docker__c1__cpu_DOT_cfs_period_us": "100000\n",
            "sys__fs__cgroup__memory__docker__c1__memory_DOT_limit_in_bytes": f"{1000 * MIB}\n",
            "sys__fs__cgroup__memory__docker__c1__memory_DOT_usage_in_bytes": f"{600 * MIB}\n",
            "sys__fs__cgroup__memory__docker__c1__memory_DOT_stat": f"cache 5\ntotal_inactive_file {100 * MIB}\n",
        },
    )
    assert machine._cgroup_cores(root) == 3
    assert machine._cgroup_memory(root) == 500 * MIB


def test_no_limits_where_groups_set_none(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="6:memory:/\n0::/\n",
        sys__fs__cgroup__memory_DOT_max="max\n",
        sys__fs__cgroup__cpu_DOT_max="max 100000\n",
        sys__fs__cgroup__memory__memory_DOT_limit_in_bytes="9223372036854771712\n",
    )
    assert machine._cgroup_cores(root) > 10**6
    assert machine._cgroup_memory(root) > 2**50
    assert machine._cgroup_cores(tmp_path / "nowhere") > 10**6


@pytest.mark.parametrize(("quota", "cores"), [(0.5, 1), (1.5, 1), (3.9, 3), (8, 8), (100, 8), (2**60, 8)])
def test_the_quota_of_the_control_groups_counts_where_it_is_less_than_the_cores(monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "_cgroup_cores", lambda root: quota if root == Path("/") else 0)
    assert available_cores() == cores


def test_the_memory_is_the_less_of_what_the_machine_and_the_control_groups_have(monkeypatch):
    for machine_has, groups_allow in ((5, 7), (7, 5)):
        monkeypatch.setattr(machine, "_machine_memory", lambda root, value=machine_has: value)
        monkeypatch.setattr(machine, "_cgroup_memory", lambda root, value=groups_allow: value)
        assert available_memory() == 5


def test_this_machine():
    assert 1 <= available_cores() <= 4096
    assert 2**20 < available_memory() < 2**50


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500", 500),
        ("1k", 1024),
        ("500M", 500 * MIB),
        ("8G", 8 * 2**30),
        ("8GiB", 8 * 2**30),
        ("8 gb", 8 * 2**30),
        ("1.5T", 3 * 2**39),
        (" 2 KiB ", 2048),
        ("7B", 7),
    ],
)
def test_sizes_in_words(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "G", "much", "5X", "5 M 3", "nan"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        parse_bytes(text)


def test_memory_of_this_process_is_the_most_it_has_taken():
    script = (
        "from rastercollection.core.machine import process_memory as taken\n"
        "before = taken(); room = bytearray(b'x') * (64 << 20); during = taken(); del room\n"
        "print(before, during, taken())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    before, during, after = map(int, done.stdout.split())
    assert 4 * MIB < before < 60 * MIB
    assert 50 * MIB < during - before < 80 * MIB
    assert after > during - MIB, "what it has given back counts"


def test_memory_of_this_process_is_what_the_system_counts():
    counted = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 20 * MIB < process_memory() < counted + MIB


def test_the_machine_s_memory_is_what_it_has_free(tmp_path):
    root = tree(tmp_path, proc__meminfo="MemTotal: 900 kB\nMemAvailable:   300 kB\nCached: 1 kB\n")
    assert machine._machine_memory(root) == 300 * 1024
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for text in ("MemTotal: 900 kB\n", "MemAvailable:\n", "MemAvailable: much kB\n"):
        assert machine._machine_memory(tree(tmp_path, proc__meminfo=text)) == whole // 2
    assert machine._machine_memory(tmp_path / "nowhere") == whole // 2


def test_memory_of_the_strictest_group_and_of_page_cache_that_may_go(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="0::/a/b\n",
        sys__fs__cgroup__a__memory_DOT_max=f"{100 * MIB}\n",
        sys__fs__cgroup__a__memory_DOT_current=f"{70 * MIB}\n",
        sys__fs__cgroup__a__memory_DOT_stat=f"anon 1\n\ninactive_file {20 * MIB}\n",
        sys__fs__cgroup__a__b__memory_DOT_max=f"{200 * MIB}\n",
    )
    assert machine._cgroup_memory(root) == 50 * MIB
    (root / "sys/fs/cgroup/a/memory.current").write_text(f"{130 * MIB}\n")
    assert machine._cgroup_memory(root) == 0, "never less than nothing"


def test_the_strictest_quota_counts_and_a_senseless_one_does_not(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="0::/a/b\n",
        sys__fs__cgroup__a__cpu_DOT_max="400000 100000\n",
        sys__fs__cgroup__a__b__cpu_DOT_max="250000 100000\n",
    )
    assert machine._cgroup_cores(root) == 2.5
    for senseless in ("-1 100000", "100000 0", "100000", "0 100000", "x y"):
        (root / "sys/fs/cgroup/a/b/cpu.max").write_text(senseless)
        assert machine._cgroup_cores(root) == 4


_FREED = """
import ctypes, os
from pathlib import Path
from rastercollection.core.machine import return_free_memory

library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

before, size = held(), 100_000
taken = [library.malloc(size) for _ in range(1000)]
for address in taken:
    ctypes.memset(address, 1, size)
for number, address in enumerate(taken):
    if number % 10:  # the others lie between them, and keep the C library from giving anything back by itself
        library.free(address)
freed = held()
return_free_memory()
print(freed - before, held() - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library cannot")
def test_memory_that_was_freed_goes_back_to_the_system() -> None:
    said = subprocess.run([sys.executable, "-c", _FREED], capture_output=True, text=True, check=True).stdout
    freed, returned = map(int, said.split())
    assert freed > 80e6, "it would not have gone by itself"
    assert returned < 20e6

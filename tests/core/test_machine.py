"""What a process may use of the machine, as control groups and the system tell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rastercollection.core import machine
from rastercollection.core.machine import available_cores, available_memory

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

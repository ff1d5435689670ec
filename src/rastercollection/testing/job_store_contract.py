"""What every job store must do. Needs pytest and hypothesis.

Subclass it in a test module, under a name that pytest collects::

    class TestMyJobStore(JobStoreContract):
        @pytest.fixture(autouse=True)
        def place(self, tmp_path):
            self.path = tmp_path / "jobs"

        def make_store(self):
            return MyJobStore(self.path)

        def another(self, store):
            return MyJobStore(self.path)

        def damage(self, store, job_id, task_id):
            ...  # make the record unreadable, past the store's back
"""

from __future__ import annotations

from rastercollection.testing.job_leases_contract import JobLeasesContract
from rastercollection.testing.job_queue_contract import JobQueueContract
from rastercollection.testing.job_records_contract import JobRecordsContract
from rastercollection.testing.job_store_samples import job_records, task_results

__all__ = ["JobStoreContract", "job_records", "task_results"]


class JobStoreContract(JobRecordsContract, JobLeasesContract, JobQueueContract):
    """Tests of the meaning of :class:`~rastercollection.core.job_store.JobStore`."""

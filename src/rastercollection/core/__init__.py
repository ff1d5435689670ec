"""The machine that runs jobs: workflows, tasks, results, the engine. What it is used for is none of its business."""

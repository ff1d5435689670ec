"""Whether a published collection is sound: its documents and files compared with each other, and mended. No job's work.

What a document should be is asked of the stages that write it.
"""

from __future__ import annotations

"""Reads logs that others recorded, in any form: documents, logcats, broken lines, several runs in one file.

Only `harness parse` and `harness ingest` use it. Output from the harness's own runs goes to `parse_output`, which does not import this
package and so cannot be misled by its tolerance; an import contract enforces that.
"""

from harness.benchmark_model.foreign.foreign_log import ForeignLog, last_process, read_foreign_log, read_foreign_logs

__all__ = ["ForeignLog", "last_process", "read_foreign_log", "read_foreign_logs"]

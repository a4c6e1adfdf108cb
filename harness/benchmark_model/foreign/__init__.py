"""Logs that others recorded, in whatever form: documents, logcats, terminals that broke lines, several runs in one file.

For `harness parse` and `harness ingest` alone. Output that our own shell delivered is read by `parse_output`, which knows nothing of this
package and so is never led astray by it; an import contract holds that.
"""

from harness.benchmark_model.foreign.foreign_log import ForeignLog, last_process, read_foreign_log, read_foreign_logs

__all__ = ["ForeignLog", "last_process", "read_foreign_log", "read_foreign_logs"]

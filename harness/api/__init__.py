"""The Python API: run a suite, resume a run, compare, calibrate, ingest logs. Use it as `harness.NAME`."""

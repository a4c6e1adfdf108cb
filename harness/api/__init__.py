"""What you can do from Python: run a suite, go on with a run, compare, calibrate, take in logs. `harness.NAME` is the way in."""

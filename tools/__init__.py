"""Programs for whoever works on the harness; none is shipped."""

"""A `benchmark_model` for virtual devices that plays back recorded outputs for delegates which a host does not have.

Nothing here is measured: what is played back says so in a line of its own on stderr (`harness-replay: synthetic`), and the harness carries
that to the last table.
"""

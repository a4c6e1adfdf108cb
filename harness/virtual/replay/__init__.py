"""A `benchmark_model` for virtual devices that plays recorded outputs back for delegates that this machine lacks.

Nothing here is measured. Each output says so in a line of its own on stderr (`harness-replay: synthetic`), and the harness shows that
mark in every table.
"""

"""A `benchmark_model` for virtual devices that replays recorded outputs for delegates that this machine lacks.

Nothing here is measured. Each output says so in a line on stderr (`harness-replay: synthetic`), and the harness shows that mark in every
table.
"""

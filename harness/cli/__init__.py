"""One file per verb: the only place that prints, exits and builds targets."""

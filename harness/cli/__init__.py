"""The command line, one file per verb: only this room prints and exits."""

"""Logs that others recorded, in whatever form: documents, logcats, terminals, several runs in one file."""

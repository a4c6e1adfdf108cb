"""From results to statements: values in, values out, no I/O."""

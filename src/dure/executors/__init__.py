"""What starts processes: one module an engine, all behind the Protocol of `executors.base`."""

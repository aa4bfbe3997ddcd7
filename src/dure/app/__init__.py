"""Use cases, one function per verb: load, call the pure core, save. The only place that wires things together."""

"""Reports: metrics, tidy tables, comparisons and charts, all from a run log. Nothing here reads or writes a file."""

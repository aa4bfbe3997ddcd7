"""The twin's live counterpart: one control loop over the same pass, with a store, executors and a real clock."""

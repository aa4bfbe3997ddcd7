"""From a snapshot to a plan: policies, packing, decisions with reasons."""

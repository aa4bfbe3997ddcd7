"""Rules as data and what they ask about: facts, verdicts, chips, compute along a lineage, labels, screening, evaluations."""

"""How Dure speaks on a terminal: who acts and when, options that many commands share, tables, words for states."""

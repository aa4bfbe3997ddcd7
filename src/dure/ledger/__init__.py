"""Double-entry accounts of units and money: transfers in, codes out; pure, append-only, rebuilt from its journal."""

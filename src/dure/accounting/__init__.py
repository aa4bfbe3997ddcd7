"""From what ran to what it cost: usage, settlement, refunds, clawback, invoices."""

"""The funding side: calls, applications, reviews and award rules. Pure: the store keeps what is decided here."""

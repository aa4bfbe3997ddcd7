"""The audit log: canonical entries, the Merkle tree over them, signed heads and their witnesses. Bytes in, bytes out."""

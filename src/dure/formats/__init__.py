"""Readers and writers: a binary stream in, columns out; bounded in size, and clear about what is wrong.

`workloads` reads and writes workloads, `runlogs` run logs. Under them, `streams` bounds the bytes and `tables` finds
every fault of a table with its line. Each import of a module here costs Polars; the package itself costs nothing.
"""

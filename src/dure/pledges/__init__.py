"""Promises: mentions -> links -> pledges -> delivered. Pure: mentions, decisions and figures in, values out.

A *pledge* is a promise that people confirmed from mentions; it is a fold of the decisions on it. Nothing a document says is a
fact: a claim is claimed, corroborated, disputed or unsupported.
"""

"""Promises in public documents: clean text -> mentions -> pledges -> links -> delivered. Pure: text and records in, values out.

A *document* is what a page said, with its hash. A *mention* is one statement in it, with the offsets of its sentence and of
each part; `text[start:end]` is the quote, always. A *pledge* is a promise that people confirmed from mentions; it is a fold of
the decisions on it. Nothing a document says is a fact: a claim is claimed, corroborated, disputed or unsupported.
"""

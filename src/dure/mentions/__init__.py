"""What pages say: clean text -> sentences -> who promises what, how much, by when, in which stance. Pure.

A *document* is what a page said, with its hash. A *mention* is one statement in it, with the offsets of its sentence and of
each part; `text[start:end]` is the quote, always. Rules are bounded: any text is read in time linear in its length.
"""

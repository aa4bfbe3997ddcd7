"""Use cases of pledges: read, import, review with two keys, link, dispute, track, report."""

"""`dure policies`: what there is to choose from."""

from __future__ import annotations

from dure.terminal.options import Csv, Json
from dure.terminal.show import Form, emit


def policies(as_json: Json = False, as_csv: Csv = False) -> None:
    """List the scheduling policies.

    With their parameters, and the parts to compose your own, as `easy+shortest+fgd`.
    """
    from dure.app.policies import part_table, policy_table

    form = Form.of(as_json, as_csv)
    emit([policy_table()] if form is not Form.TEXT else [policy_table(), part_table()], form)

"""Units, in names and types. Integers for money, units and time; SI inside, the reader's own units at the edge.

The suffix of a name is its unit: `_s` seconds, `_w` watts, `_j` joules, `_mib` mebibytes, `_milli` thousandths,
`_pflop` 10^15 floating-point operations. A *unit* (the programme's accelerator-hour-equivalent) is kept as whole
milli-units; inside the kernels a charge is in milli-unit-seconds, so that no rounding happens before a report.
"""

from typing import Final

MILLI: Final = 1000  # one whole accelerator, core or unit, in thousandths
MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
MIB_PER_GIB: Final = 1024
J_PER_KWH: Final = 3_600_000
FAR_S: Final = 2**62  # later than any time in a run: "never" and "no limit"


def format_duration(seconds: float) -> str:
    """Seconds as a person says them: `45 s`, `3.2 min`, `5.0 h`, `2.1 d`."""
    for size, name in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


def parse_duration(text: str) -> int:
    """`90`, `90s`, `15m`, `12h`, `30d` or `2w` to whole seconds. Raises ValueError on anything else."""
    scale = {"s": 1, "m": MINUTE_S, "h": HOUR_S, "d": DAY_S, "w": WEEK_S}
    body = text.strip()
    unit = scale.get(body[-1:].lower())
    number = float(body[:-1] if unit else body)
    if not 0 <= number < FAR_S:
        raise ValueError(f"not a duration: {text!r}")
    return round(number * (unit or 1))

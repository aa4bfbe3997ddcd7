"""Sets of positions as bitmaps of 32 bits a word, with a summary level above each 32 words.

A set over `size` positions lies in `words[off:off + length(size)]`, level after level; setting, clearing and finding the
next member cost one word a level (four levels hold a million). `least` runs beside `words`: the least limit among
the members under each word, so that the next member with a limit short enough is found as fast.
"""

from __future__ import annotations

import numpy as np

from dure.kernels.jit import kernel
from dure.kernels.layout import FAR

# de Bruijn: (x & -x) * 0x077CB531 puts a different 5-bit number on top for each single bit x
_LOWEST = np.zeros(32, np.int64)
for _bit in range(32):
    _LOWEST[((1 << _bit) * 0x077CB531 & 0xFFFFFFFF) >> 27] = _bit


def length(size: int) -> int:
    """Words that a set over `size` positions takes."""
    total = 0
    while True:
        size = (size + 31) >> 5
        total += size
        if size <= 1:
            return max(total, 1)


@kernel
def lowest(word):
    """Number of the lowest set bit of a non-zero 32-bit word."""
    return _LOWEST[(((word & -word) * 0x077CB531) & 0xFFFFFFFF) >> 27]


@kernel
def lowest_device(mask):
    """Number of the lowest set bit of a non-zero device mask (up to 62 bits)."""
    low = mask & 0xFFFFFFFF
    if low != 0:
        return lowest(low)
    return 32 + lowest(mask >> 32)


@kernel
def count_devices(mask):
    """Devices in a mask."""
    low = mask & 0x55555555_55555555
    x = low + ((mask >> 1) & 0x55555555_55555555)
    x = (x & 0x33333333_33333333) + ((x >> 2) & 0x33333333_33333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F_0F0F0F0F
    x = x + (x >> 8)
    x = x + (x >> 16)
    return (x + (x >> 32)) & 0x7F


@kernel
def bit_length(number):
    """Bits of a number from 0 to 2^62, leading zeros left out."""
    bits = 0
    for half in (32, 16, 8, 4, 2, 1):
        if number >> half != 0:
            number >>= half
            bits += half
    return bits + number


@kernel
def insert(words, off, size, position):
    """Add a position."""
    count = size
    while True:
        count = (count + 31) >> 5
        i = off + (position >> 5)
        old = words[i]
        words[i] = old | (1 << (position & 31))
        if old != 0 or count <= 1:
            return
        off += count
        position >>= 5


@kernel
def remove(words, off, size, position):
    """Take a position away."""
    count = size
    while True:
        count = (count + 31) >> 5
        i = off + (position >> 5)
        new = words[i] & ~(1 << (position & 31))
        words[i] = new
        if new != 0 or count <= 1:
            return
        off += count
        position >>= 5


@kernel
def following(words, off, size, position):
    """The least member at or after `position`, or -1."""
    if position >= size:
        return -1
    count = (size + 31) >> 5
    level = 0
    while True:
        word = words[off + (position >> 5)] & ~((1 << (position & 31)) - 1)
        if word != 0:
            break
        position = (position >> 5) + 1
        if position >= count:
            return -1
        off += count
        level += 1
        count = (count + 31) >> 5
    position = ((position >> 5) << 5) + lowest(word)
    while level > 0:
        level -= 1
        off -= (size + (1 << (5 * level + 5)) - 1) >> (5 * level + 5)
        position = (position << 5) + lowest(words[off + position])
    return position


@kernel
def lower_least(least, off, size, position, limit):
    """After `insert`: note the new member's limit."""
    count = size
    while True:
        count = (count + 31) >> 5
        i = off + (position >> 5)
        if least[i] <= limit:
            return
        least[i] = limit
        if count <= 1:
            return
        off += count
        position >>= 5


@kernel
def raise_least(words, least, limits, base, off, size, position):
    """After `remove`: work the least limits out anew. `limits[base + member]` is a member's limit."""
    count = size
    level = 0
    below = off
    while True:
        count = (count + 31) >> 5
        i = off + (position >> 5)
        first = (position >> 5) << 5
        word = words[i]
        new = FAR
        while word != 0:
            member = first + lowest(word)
            word &= word - 1
            value = limits[base + member] if level == 0 else least[below + member]
            new = min(new, value)
        if least[i] == new:
            return
        least[i] = new
        if count <= 1:
            return
        below = off
        off += count
        position >>= 5
        level += 1


@kernel
def following_within(words, least, limits, base, off, size, position, cap):
    """The least member at or after `position` with a limit of at most `cap`, or -1."""
    if position >= size:
        return -1
    count = (size + 31) >> 5
    level = 0
    below = off
    while True:
        i = off + (position >> 5)
        found = -1
        if least[i] <= cap:
            first = (position >> 5) << 5
            word = words[i] & ~((1 << (position & 31)) - 1)
            while word != 0:
                member = first + lowest(word)
                word &= word - 1
                value = limits[base + member] if level == 0 else least[below + member]
                if value <= cap:
                    found = member
                    break
        if found >= 0:
            break
        position = (position >> 5) + 1
        if position >= count:
            return -1
        below = off
        off += count
        level += 1
        count = (count + 31) >> 5
    while level > 0:
        level -= 1
        off -= (size + (1 << (5 * level + 5)) - 1) >> (5 * level + 5)
        below = off - ((size + (1 << (5 * level)) - 1) >> (5 * level)) if level > 0 else off
        first = found << 5
        word = words[off + found]
        while word != 0:
            member = first + lowest(word)
            word &= word - 1
            value = limits[base + member] if level == 0 else least[below + member]
            if value <= cap:
                found = member
                break
    return found

"""Who reviews what: the assignment of most expertise that no load and no conflict of interest forbids.

Applications that every reviewer knows equally well (those of one area) first stand as one *class* in a linear
programme: how many of the class's reviews each reviewer writes. Its matrix is that of a bipartite graph, so a vertex is
whole numbers. It starts from the best reviewers of each class and takes in more pairs as long as the prices of its
solution say that one could help. Then a maximum flow shares the reviews of a class out to its applications. Where
conflicts leave no way, the minimum cut says which applications of the class cannot be served like that: they become a
class of their own, small classes are taken apart, and the programme is solved again. Each programme's value bounds the
true one from above, so the first that can be shared out is the optimum over all pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, TypeVar

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from dure.errors import InvariantBroken
from dure.programme.conflicts import forbidden_pairs
from dure.programme.model import Application, Review, Reviewer

CANDIDATES: Final = 20  # best reviewers of a class to start from, besides one for each review that it wants
SMALL: Final = 16  # classes of so many applications are taken apart whole: cut by cut took ten times as long
_MORE: Final = 10  # reviewers that a class takes in in one round, besides one for each of its applications
_TOLERANCE: Final = 1e-6  # of prices and of whole numbers; HiGHS itself keeps 1e-7
_FAR: Final = 2**62

Pair = tuple[str, str]  # id of an application, user name of a reviewer
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T")
_NONE: Final[Ints] = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Assignment:
    """Who reviews what. `pairs` has the fixed ones too. `short` says how many reviewers an application still lacks
    where loads and conflicts leave nobody: as few as can be in all."""

    pairs: tuple[Pair, ...]  # sorted
    short: dict[str, int]
    expertise_milli: int  # sum over the pairs that are not fixed, in thousandths of an expert


def expertise_milli(reviewer: Reviewer, application: Application) -> int:
    """How well a reviewer knows the application's area: 1000 expert, 700 familiar, 300 basic, 0 not listed.

    For an area that nobody lists all are alike, and loads and the draw of names decide.
    """
    return reviewer.expertise.get(application.area, 0)


def assign(
    applications: Sequence[Application],
    reviewers: Sequence[Reviewer],
    each: int,
    *,
    fixed: Iterable[Pair] = (),
    excluded: Iterable[Pair] = (),
) -> Assignment:
    """Give every application `each` reviewers: fewest missing first, then most expertise, then a draw by names.

    `fixed` pairs are kept as they are and count towards `each` and the loads; `excluded` ones (a review declined or
    not written in time) are never made. So to assign again is the same call. The order of the inputs does not matter.
    """
    rows = _in_drawn_order(applications, lambda a: a.id)
    columns = _in_drawn_order(reviewers, lambda r: r.user)
    row = {a.id: i for i, a in enumerate(rows)}
    column = {r.user: j for j, r in enumerate(columns)}
    kept = {(a, r) for a, r in fixed if a in row}
    need = np.full(len(rows), each)
    room = np.array([r.load_most for r in columns], np.int64)
    open_ = np.asarray(~forbidden_pairs(rows, columns).toarray())
    for a, r in kept:
        need[row[a]] -= 1
        if r in column:
            room[column[r]] -= 1
    for a, r in kept | set(excluded):
        if a in row and r in column:
            open_[row[a], column[r]] = False
    worth, class_of = _worth(rows, columns)
    i, j = _solve(worth, class_of, open_, need.clip(0), room.clip(0))
    lack = need.clip(0) - np.bincount(i, minlength=len(rows))
    return Assignment(
        pairs=tuple(sorted({*kept, *((rows[a].id, columns[r].user) for a, r in zip(i, j))})),
        short={rows[a].id: int(lack[a]) for a in np.flatnonzero(lack)},
        expertise_milli=int(worth[class_of[i], j].sum()),
    )


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """How far the reviews of an application are. The tuples are user names; `late` ones are not in and past due."""

    application: str
    wanted: int
    submitted: tuple[str, ...]
    waiting: tuple[str, ...]
    late: tuple[str, ...]

    @property
    def missing(self) -> int:
        """Reviews that nobody was asked for."""
        return max(0, self.wanted - len(self.submitted) - len(self.waiting) - len(self.late))


def status(reviews: Iterable[Review], each: int, due: Mapping[Pair, int | None], now_utc_s: int) -> list[ReviewStatus]:
    """For each application with reviews, by id: which are in, awaited and late. At its due moment a review is late."""
    who: dict[str, tuple[list[str], list[str], list[str]]] = {}
    for review in sorted(reviews, key=lambda r: (r.application, r.reviewer)):
        by = due.get((review.application, review.reviewer))
        late = by is not None and now_utc_s >= by
        place = 0 if review.submitted_utc_s is not None else 2 if late else 1
        who.setdefault(review.application, ([], [], []))[place].append(review.reviewer)
    return [ReviewStatus(a, each, *(tuple(names) for names in parts)) for a, parts in who.items()]


def _in_drawn_order(things: Sequence[T], name: Callable[[T], str]) -> list[T]:
    """In the order of a hash of their names: no input order counts, and nobody is first by the alphabet."""
    return sorted(things, key=lambda thing: (blake2b(name(thing).encode(), digest_size=8).digest(), name(thing)))


def _worth(rows: Sequence[Application], columns: Sequence[Reviewer]) -> tuple[Ints, Ints]:
    """int64[C, R]: `expertise_milli` of each class; int64[A]: class of each application."""
    first = {a.area: a for a in rows}
    area = {name: k for k, name in enumerate(first)}
    levels = np.array([[expertise_milli(r, a) for r in columns] for a in first.values()], np.int64)
    levels = levels.reshape(len(first), len(columns))
    _, of_class, class_of = np.unique(levels, axis=0, return_index=True, return_inverse=True)
    return levels[of_class], class_of.ravel()[[area[a.area] for a in rows]]


def _solve(worth: Ints, class_of: Ints, open_: Bools, need: Ints, room: Ints) -> tuple[Ints, Ints]:
    """Rows and columns of the best pairs. `need` int64[A] reviewers wanted, `room` int64[R] reviews that may be given."""
    while True:
        shares = _shares(worth, class_of, open_, need, room)
        rows, columns, apart = [_NONE], [_NONE], []
        for c in range(len(worth)):
            members = np.flatnonzero(class_of == c)
            i, j, cut = _share_out(shares[c], open_[members], need[members])
            rows.append(members[i])
            columns.append(j)
            if len(cut):
                apart.append(members[cut])
        if not apart:
            return np.concatenate(rows), np.concatenate(columns)
        alone = np.flatnonzero(np.bincount(class_of)[class_of] <= SMALL)
        label = class_of.copy()
        for k, members in enumerate([*apart, *alone], len(worth)):
            label[members] = k
        _, first, renumbered = np.unique(label, return_index=True, return_inverse=True)
        worth, class_of = worth[class_of[first]], renumbered


def _share_out(share: Ints, open_: Bools, need: Ints) -> tuple[Ints, Ints, Ints]:
    """Give each application of a class different reviewers, of which reviewer j has `share[j]` reviews to write.

    Rows and columns of the pairs, and if not all reviews could be placed the rows of the minimum cut.
    """
    count, most = open_.shape[0], np.flatnonzero(share)
    if count == 1:
        return np.zeros_like(most), most, _NONE
    i, j = np.nonzero(open_[:, most])
    source, sink = count + len(most), count + len(most) + 1
    tails = np.concatenate([np.full(count, source), i, count + np.arange(len(most))])
    heads = np.concatenate([np.arange(count), count + j, np.full(len(most), sink)])
    sizes = np.concatenate([need, np.ones(len(i), np.int64), share[most]]).astype(np.int32)
    graph = csr_array((sizes, (tails, heads)), shape=(sink + 1, sink + 1))
    flow = maximum_flow(graph, source, sink)
    if flow.flow_value < share.sum():
        left = graph - flow.flow
        left.eliminate_zeros()
        reached = breadth_first_order(left, source, return_predecessors=False)
        return _NONE, _NONE, np.sort(reached[reached < count])
    taken = flow.flow[:count, count:source].toarray() > 0
    i, j = np.nonzero(taken)
    return i, most[j], _NONE


def _shares(worth: Ints, class_of: Ints, open_: Bools, need: Ints, room: Ints) -> Ints:
    """int64[C, R]: how many reviews of each class each reviewer writes, at the optimum of the classes."""
    classes, reviewers = worth.shape
    within = csr_array(
        (np.ones(len(class_of), np.int64), (class_of, np.arange(len(class_of)))), (classes, len(class_of))
    )
    most = within @ open_.astype(np.int64)  # of the class, applications that the reviewer may review
    wanted = within @ need
    # One review less is dearer than any chain of exchanges that would save it: each application of a chain changes one
    # reviewer, and a chain passes no application and no reviewer twice.
    lp = _Programme(wanted, room, penalty=(int(worth.max(initial=0)) + 1) * (min(open_.shape) + 1))
    # The best come first; among equals each class begins with others, that they need not all begin with the same.
    turn = (np.arange(reviewers) - np.arange(classes)[:, None] * reviewers // max(classes, 1)) % max(reviewers, 1)
    key = np.where(most > 0, turn - worth * reviewers, _FAR)
    members = within @ np.ones(len(class_of), np.int64)
    chosen = _least(key, CANDIDATES + wanted)
    while len(chosen[0]):
        lp.add(*chosen, worth[chosen], most[chosen])
        row_price, column_price = lp.solve()
        gain = worth - row_price[:, None] - column_price
        gain[lp.rows, lp.columns] = 0
        chosen = _least(np.where((gain > _TOLERANCE) & (most > 0), -gain, _FAR), _MORE + members)
    found = np.zeros(worth.shape, np.int64)
    found[lp.rows, lp.columns] = lp.amounts()
    return found


def _least(key: NDArray[Any], most: Ints) -> tuple[Ints, Ints]:
    """Rows and columns of the `most[row]` least keys of each row that are not `_FAR`."""
    rank = np.empty(key.shape, np.int64)
    np.put_along_axis(rank, np.argsort(key, axis=1, kind="stable"), np.arange(key.shape[1])[None, :], axis=1)
    rows, columns = np.nonzero((rank < most[:, None]) & (key < _FAR))
    return rows, columns


class _Programme:
    """The linear programme as it grows: a row for each class and reviewer, a column for each pair taken in."""

    def __init__(self, wanted: Ints, room: Ints, penalty: int) -> None:
        self.classes = len(wanted)
        self.rows = self.columns = _NONE
        self.highs = highspy.Highs()
        for option, setting in (("output_flag", False), ("threads", 1), ("solver", "simplex"), ("random_seed", 0)):
            self.highs.setOptionValue(option, setting)
        self.highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        lower, upper = np.concatenate([wanted, np.zeros(len(room))]), np.concatenate([wanted, room])
        self.highs.addRows(len(lower), lower.astype(float), upper.astype(float), 0, _NONE, _NONE, np.zeros(0))
        self._columns(np.full(self.classes, -penalty), wanted, np.arange(self.classes)[:, None])  # what is lacking

    def add(self, rows: Ints, columns: Ints, worth: Ints, most: Ints) -> None:
        """Take in pairs (class, reviewer) with what a review is worth and how many there can be."""
        self._columns(worth, most, np.column_stack([rows, self.classes + columns]))
        self.rows, self.columns = np.concatenate([self.rows, rows]), np.concatenate([self.columns, columns])

    def _columns(self, worth: Ints, most: Ints, rows: Ints) -> None:
        """Columns with ones in the given `rows` [columns, ones]."""
        count, ones = rows.shape
        starts, places = np.arange(0, count * ones, ones), rows.ravel()
        bounds = np.zeros(count), most.astype(float)
        self.highs.addCols(
            count, worth.astype(float), *bounds, len(places), starts, places, np.ones(len(places))
        )  # fmt: skip

    def solve(self) -> tuple[Floats, Floats]:
        """The optimum's prices: of one review more of a class, and of one review more of a reviewer."""
        self.highs.run()
        found = self.highs.getModelStatus()
        if found != highspy.HighsModelStatus.kOptimal:
            raise InvariantBroken(f"the matching of reviewers always has an optimum; HiGHS says {found}")
        prices = np.array(self.highs.getSolution().row_dual)
        return prices[: self.classes], prices[self.classes :]

    def amounts(self) -> Ints:
        """Reviews of each pair in the last solution."""
        if not len(self.rows):
            return _NONE
        values = np.array(self.highs.getSolution().col_value)[self.classes :]
        whole: Ints = np.rint(values).astype(np.int64)
        if (np.abs(values - whole) > _TOLERANCE).any():
            raise InvariantBroken("a vertex of the matching of reviewers is not whole numbers")
        return whole

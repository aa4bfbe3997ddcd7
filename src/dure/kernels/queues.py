"""Who waits: a bitmap of positions for each class, the classes in order, the shapes that may have become startable.

A *class* holds the jobs that the policy tells apart by order alone, so only its head has to be looked at; a *shape* holds the
classes with equal demands, so what does not fit for one of them fits for none.
"""

from __future__ import annotations

from dure.kernels import bits, heaps
from dure.kernels.codes import (
    ORDER_CUSTOM,
    ORDER_LARGEST,
    ORDER_LEAST_ATTAINED,
    ORDER_MULTIFACTOR,
    ORDER_ORACLE,
    ORDER_PRIORITY,
    ORDER_SHORTEST,
    R_BUDGET,
    R_LIMIT,
)
from dure.kernels.jit import kernel
from dure.kernels.layout import (
    G_FLEET_MILLI,
    G_LIVE,
    G_ORDERED,
    G_READY,
    G_TICK,
    G_WAITING,
    P_CLASS_HIGH,
    P_CLASS_LOW,
    P_LEAST,
    P_LIMITS,
    P_MAX_AGE,
    P_ORDER,
    P_RANKED,
    P_REQUEUES,
    W_AGE,
    W_CLASS,
    W_FAIR,
    W_SIZE,
    WHOLE,
)


@kernel
def limit_left(st, job):
    """The job's time limit less the work behind its save points, at relative speed 1."""
    if st.p[P_REQUEUES] != 0:
        return st.limit[job] - st.saved[job]
    return st.limit[job]


@kernel
def wall(work, speed):
    """Seconds that `work` takes at a relative speed in milli."""
    return work if speed == 1000 else (work * 1000 + speed - 1) // speed


@kernel
def priority_of(st, c, job):
    """The multifactor priority of a job of class `c`, at the last tick."""
    cls = st.classes[c]
    age = max(st.g[G_TICK] - st.submit[job], 0) / st.p[P_MAX_AGE]
    size = st.shapes[cls["shape"]]["milli"] / st.g[G_FLEET_MILLI]
    low, high = st.p[P_CLASS_LOW], st.p[P_CLASS_HIGH]
    rank = (cls["priority"] - low) / (high - low) if high > low else 0.0
    total = st.w[W_AGE] * min(age, 1.0) + st.w[W_FAIR] * st.projects[cls["project"]]["fair"]
    total = total + st.w[W_SIZE] * min(size, 1.0)
    return float(int(total + st.w[W_CLASS] * rank))


@kernel
def key_of(st, c, job):
    """The order key of a job: lower goes first."""
    order = st.p[P_ORDER]
    if order == 0:
        return 0.0
    if order == ORDER_MULTIFACTOR:
        return -priority_of(st, c, job)
    if order == ORDER_SHORTEST:
        return float(st.limit[job])
    if order == ORDER_ORACLE:
        return float(min(st.duration[job], st.limit[job]))
    if order == ORDER_CUSTOM:
        return st.custom[job]
    cls = st.classes[c]
    if order == ORDER_LARGEST:
        return -float(st.shapes[cls["shape"]]["milli"])
    if order == ORDER_PRIORITY:
        return -float(cls["priority"])
    if order == ORDER_LEAST_ATTAINED:
        return float(cls["level"])
    return 0.0


@kernel
def set_head(st, c, position):
    """Make the job at `position` the one that counts for its class, and put the class in its place in the order."""
    cls = st.classes[c]
    cls["head"] = position
    at = st.order_at[c]
    if st.p[P_RANKED] == 0:
        st.order_at[c] = 0
        return
    job = st.job_at[cls["base"] + position]
    key = key_of(st, c, job)
    if at >= 0:
        heaps.replace_key(st.order, st.order_at, st.g[G_ORDERED], at, key, job)
    else:
        st.g[G_ORDERED] = heaps.push(st.order, st.order_at, st.g[G_ORDERED], key, job, c)


@kernel
def _leave_order(st, c):
    if st.order_at[c] >= 0 and st.p[P_RANKED] != 0:
        st.g[G_ORDERED] = heaps.remove(st.order, st.order_at, st.g[G_ORDERED], st.order_at[c])
    st.order_at[c] = -1


@kernel
def mark_ready(st, s):
    """Have a shape tried in the next pass."""
    if st.shapes[s]["ready"] == 0:
        st.shapes[s]["ready"] = 1
        st.ready[st.g[G_READY]] = s
        st.g[G_READY] += 1


@kernel
def hold(st, c, reason):
    """Take a class out of the order until what holds it back has changed."""
    cls = st.classes[c]
    cls["reason"] = reason
    _leave_order(st, c)
    if reason == R_BUDGET or reason == R_LIMIT:
        await_project(st, c)


@kernel
def await_project(st, c):
    """Note that a class waits for its project to have more room under its limit or budget."""
    cls = st.classes[c]
    if cls["awaits"] == 0:
        project = st.projects[cls["project"]]
        cls["awaits"] = 1
        cls["next_awaiting"] = project["awaiting"]
        project["awaiting"] = c


@kernel
def reconsider_project(st, project):
    """The project has more room under its limit or budget: the classes that waited for it count from their first job again."""
    c = st.projects[project]["awaiting"]
    st.projects[project]["awaiting"] = -1
    while c >= 0:
        cls = st.classes[c]
        cls["awaits"] = 0
        if cls["waiting"] > 0:
            set_head(st, c, bits.following(st.words, cls["words"], cls["size"], 0))
            mark_ready(st, cls["shape"])
        c = cls["next_awaiting"]


@kernel
def _make_live(st, c):
    """First waiting job of a class: link it to its shape, and the shape to the live ones."""
    cls = st.classes[c]
    s = cls["shape"]
    shape = st.shapes[s]
    first = shape["classes"]
    cls["next"] = first
    cls["prev"] = -1
    if first >= 0:
        st.classes[first]["prev"] = c
    else:
        _add_live(st, s)
    shape["classes"] = c
    mark_ready(st, s)


@kernel
def _add_live(st, s):
    shape = st.shapes[s]
    i = st.g[G_LIVE]
    st.g[G_LIVE] = i + 1
    shape["live"] = i
    shape["power"] = 0
    shape["booked"] = 0
    live = st.live[i]
    live["shape"] = s
    live["mask"] = shape["mask"]
    live["wants"] = shape["wants"]
    live["share"] = 0 if shape["share"] == WHOLE else shape["share"]
    on_one_node = shape["wants"] >= shape["count"] or shape["share"] < WHOLE
    live["cores"] = shape["cores"] if on_one_node else 0
    live["memory"] = shape["memory"] if on_one_node else 0


@kernel
def _drop_live(st, s):
    shape = st.shapes[s]
    i = shape["live"]
    st.g[G_LIVE] -= 1
    last = st.live[st.g[G_LIVE]]
    live = st.live[i]
    live["shape"] = last["shape"]
    live["mask"] = last["mask"]
    live["wants"] = last["wants"]
    live["share"] = last["share"]
    live["cores"] = last["cores"]
    live["memory"] = last["memory"]
    st.shapes[last["shape"]]["live"] = i
    shape["live"] = -1


@kernel
def _make_idle(st, c):
    """Last waiting job of a class has gone."""
    cls = st.classes[c]
    shape = st.shapes[cls["shape"]]
    if cls["prev"] >= 0:
        st.classes[cls["prev"]]["next"] = cls["next"]
    else:
        shape["classes"] = cls["next"]
    if cls["next"] >= 0:
        st.classes[cls["next"]]["prev"] = cls["prev"]
    if shape["classes"] < 0:
        _drop_live(st, cls["shape"])
    _leave_order(st, c)
    cls["head"] = -1


@kernel
def enqueue(st, job):
    """Let a job wait in its place."""
    c = st.job_class[job]
    cls = st.classes[c]
    position = st.position[job]
    bits.insert(st.words, cls["words"], cls["size"], position)
    if st.p[P_LEAST] != 0:
        left = limit_left(st, job)
        st.limit_at[cls["base"] + position] = left
        bits.lower_least(st.least, cls["words"], cls["size"], position, left)
    cls["waiting"] += 1
    st.g[G_WAITING] += 1
    if cls["waiting"] == 1:
        _make_live(st, c)
        cls["reason"] = 0
        set_head(st, c, position)
        return
    held = st.order_at[c] < 0
    if held and cls["reason"] == R_LIMIT:
        return
    if position < cls["head"] or held:
        set_head(st, c, bits.following(st.words, cls["words"], cls["size"], 0))
    # what found no room for one job of the shape finds none for another; a booking or a budget may let a shorter one pass
    if held or st.p[P_LIMITS] != 0 or st.shapes[cls["shape"]]["booked"] != 0:
        mark_ready(st, cls["shape"])


@kernel
def dequeue(st, job):
    """Take a job out of the queue. Jobs passed over before it stay passed over."""
    c = st.job_class[job]
    cls = st.classes[c]
    position = st.position[job]
    bits.remove(st.words, cls["words"], cls["size"], position)
    if st.p[P_LEAST] != 0:
        bits.raise_least(st.words, st.least, st.limit_at, cls["base"], cls["words"], cls["size"], position)
    cls["waiting"] -= 1
    st.g[G_WAITING] -= 1
    if cls["waiting"] == 0:
        _make_idle(st, c)
    elif position == cls["head"]:
        following = bits.following(st.words, cls["words"], cls["size"], position + 1)
        if following >= 0:
            set_head(st, c, following)
        else:
            hold(st, c, R_BUDGET)

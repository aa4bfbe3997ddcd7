"""The file of sites: what it says, its faults with line and field, and the engines that come of it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dure.errors import InputErrors
from dure.executors.local import LocalEngine
from dure.executors.preparing import Site
from dure.fleet.model import Fleet, Pool
from dure.fleet.model import Site as FleetSite
from dure.formats.sites import PoolSite, Sites, read_sites
from dure.lifecycle.attempts import Grace
from dure.operation.engines import engines_of
from dure.workload.spec import SiteRules

POOLS = ("h200", "rngd", "cpu")
WHOLE = """
save = "2m"
term = 20
limit = "0s"

[[pool]]
id = "h200"
engine = "local"
root = "/srv/dure/"
user = "dure-{project}"
paths = ["/usr", "/data"]
stage = ["/usr/local/bin/stage", "--name", "{data}"]
data = "/data"
secrets = "/etc/dure/secrets"
nice = 5
pin = true

[[pool]]
id = "rngd"
"""


def read(text: str) -> Sites:
    return read_sites(io.BytesIO(text.encode()), "sites.toml", pools=POOLS)


def test_a_whole_file() -> None:
    sites = read(WHOLE)
    assert sites.grace == Grace(save_s=120, term_s=20, limit_s=0)
    assert sites.pools == (
        PoolSite("h200", "local", "/srv/dure", "dure-{project}", (), ("/usr", "/data"),
                 ("/usr/local/bin/stage", "--name", "{data}"), "/data", "/etc/dure/secrets", 5, True),
        PoolSite("rngd"),
    )  # fmt: skip
    assert sites.pools[0].rules == SiteRules((), ("/usr", "/data"))
    assert read("") == Sites()


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        ("saves = 3", 1, "saves", "unknown key"),
        ("save = -1", 1, "save", "up to a day"),
        ('term = "soon"', 1, "term", "wrong value"),
        ("pool = 3", 1, "pool", "not a list"),
        ("[[pool]]", 1, "pool[1].id", "missing"),
        ('[[pool]]\nid = "x"', 2, "pool[1].id", "no such pool"),
        ('[[pool]]\nid = "cpu"\n[[pool]]\nid = "cpu"', 4, "pool[2].id", "named before"),
        ('[[pool]]\nid = "cpu"\nengine = "lokal"', 3, "pool[1].engine", "local"),
        ('[[pool]]\nid = "cpu"\nroot = "srv"', 3, "pool[1].root", "absolute"),
        ('[[pool]]\nid = "cpu"\ndata = "/a/../b"', 3, "pool[1].data", "absolute"),
        ('[[pool]]\nid = "cpu"\nsecrets = 3', 3, "pool[1].secrets", "text"),
        ('[[pool]]\nid = "cpu"\npaths = ["usr"]', 3, "pool[1].paths", "absolute"),
        ('[[pool]]\nid = "cpu"\npaths = "/usr"', 3, "pool[1].paths", "list"),
        ('[[pool]]\nid = "cpu"\nstage = ["stage", "{data}"]', 3, "pool[1].stage", "whole argument"),
        ('[[pool]]\nid = "cpu"\nstage = ["/stage", "--of={data}"]', 3, "pool[1].stage", "whole argument"),
        ('[[pool]]\nid = "cpu"\nuser = "root"', 3, "pool[1].user", "not root"),
        ('[[pool]]\nid = "cpu"\nuser = "a b"', 3, "pool[1].user", "account"),
        ('[[pool]]\nid = "cpu"\nuser = "{user}"', 3, "pool[1].user", "account"),
        ('[[pool]]\nid = "cpu"\nimages = ["x"]', 3, "pool[1].images", "no images"),
        ('[[pool]]\nid = "cpu"\nnice = 20', 3, "pool[1].nice", "0 to 19"),
        ('[[pool]]\nid = "cpu"\npin = "yes"', 3, "pool[1].pin", "true or false"),
        ('[[pool]]\nid = "cpu"\nport = 1', 3, "pool[1].port", "unknown key"),
    ],
)
def test_faults_have_line_and_field(text: str, line: int, field: str, words: str) -> None:
    with pytest.raises(InputErrors) as raised:
        read(text)
    (fault,) = raised.value.errors
    assert (fault.line, fault.field) == (line, field)
    assert words in str(fault)


def test_all_faults_at_once() -> None:
    with pytest.raises(InputErrors) as raised:
        read('save = "x"\n[[pool]]\nid = "none"\nnice = 99\nroot = "x"\n[[pool]]\nid = "cpu"\nuser = "root"')
    assert [fault.line for fault in raised.value.errors] == [1, 3, 4, 5, 8]


@pytest.fixture
def fleet() -> Fleet:
    pools = (Pool("h200", "s", "H200", 2, 8, 112_000, 1 << 20), Pool("rngd", "s", "RNGD", 1, 4, 32_000, 1 << 18),
             Pool("cpu", "s", "", 3, 0, 32_000, 1 << 18))  # fmt: skip
    return Fleet("f", (FleetSite("s", "S", "KR"),), pools, {})


def test_without_a_file_one_engine_has_every_pool(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engines = engines_of(fleet, {})
    (engine,) = {id(e): e for e in engines.of_pool.values()}.values()
    assert isinstance(engine, LocalEngine)
    assert set(engines.of_pool) == set(POOLS) == set(engines.rules)
    assert engine.site.root == str(tmp_path / "dure-local")
    nodes = {node.name: node.accelerators for node in engine.inventory()}
    assert nodes == {fleet.node_name(i): (8, 8, 4, 0, 0, 0)[i] for i in range(6)}
    assert engines.grace == Grace()
    other = engines_of(fleet, {"DURE_LOCAL": "/srv/x"}).of_pool["cpu"]
    assert isinstance(other, LocalEngine)
    assert other.site.root == "/srv/x"


def test_pools_of_which_a_file_says_the_same_share_an_engine(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "sites.toml").write_text(WHOLE)
    environ = {"DURE_SITES": str(tmp_path / "sites.toml"), "DURE_LOCAL": "/srv/x"}
    engines = engines_of(fleet, environ)
    h200, rngd, cpu = (engines.of_pool[p] for p in POOLS)
    assert len({id(h200), id(rngd), id(cpu)}) == 3
    assert isinstance(h200, LocalEngine)
    assert h200.site == Site("/srv/dure", "dure-{project}", SiteRules((), ("/usr", "/data")),
                             ("/usr/local/bin/stage", "--name", "{data}"), "/data", "/etc/dure/secrets", 5, True)  # fmt: skip
    assert engines.rules["rngd"] == SiteRules()  # a site that says nothing of paths allows none
    assert engines.rules["cpu"] == SiteRules(paths=("/",))
    assert [node.name for node in rngd.inventory()] == ["rngd/0"]


def test_a_missing_file_is_said(fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no such file"):
        engines_of(fleet, {"DURE_SITES": str(tmp_path / "none.toml")})

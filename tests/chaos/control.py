"""The control: an executor as one would first write it, under the same blows and the same weather.

It looks the name up, sends, and after anything but a 201 does the same again at once: no settle
time, and it repeats by itself. If the harness saw no duplicate specs here, it could not see any.
No part of the product.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import httpx

from bot.sandbox.watsonx.api import PATH
from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from tests.chaos.replica import Replica
from tests.chaos.strike import INSTANTS, Striker
from tests.chaos.weather import LATE_S, Weather

if TYPE_CHECKING:
    from pathlib import Path

    from bot.sandbox.loopback import Call

NODES = {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}}
TIMEOUT_S = 1.0
JOBS_A_KILL = 4


def executor() -> None:
    """Work on the jobs of a file until killed."""
    with closing(_jobs(os.environ["CONTROL_JOBS"])) as jobs, httpx.Client(timeout=TIMEOUT_S) as http:
        url, space = os.environ["WATSONX_URL"], os.environ["WATSONX_SPACE_ID"]
        who = {"username": os.environ["WATSONX_USERNAME"], "api_key": os.environ["WATSONX_APIKEY"]}
        token = http.post(f"{url}/icp4d-api/v1/authorize", json=who).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        while True:
            for (name,) in jobs.execute("SELECT name FROM jobs WHERE spec IS NULL").fetchall():
                while (spec := _create(http, f"{url}{PATH}", space, name)) is None:
                    time.sleep(0.01)
                jobs.execute("UPDATE jobs SET spec = ? WHERE name = ?", (spec, name))
            time.sleep(0.02)


def _create(http: httpx.Client, url: str, space: str, name: str) -> str | None:
    """Look up, send if it is not there; None, to begin anew, if that did not end well."""
    body = {"name": name, "description": "control", "nodes": NODES}
    try:
        found = http.get(url, params={"space_id": space, "name": name}).json()["resources"]
        if found:
            return str(found[0]["metadata"]["asset_id"])
        return str(http.post(url, params={"space_id": space}, json=body).json()["metadata"]["asset_id"])
    except (httpx.HTTPError, ValueError, KeyError):
        return None


def run_control(folder: Path, *, kills: int, seed: int = 1) -> Counter[str]:
    """Let the executor work under fire; return ``specs``, ``kills`` and ``duplicate specs``."""
    path = str(folder / "control.db")
    with FakeCluster() as cluster, closing(_jobs(path)) as jobs:
        env = (
            os.environ | cluster.settings() | {"CONTROL_JOBS": path, "PYTHONPATH": os.pathsep.join(sys.path)}
        )
        command = [sys.executable, "-m", "tests.chaos.control"]
        replica = Replica(env, folder / "control.log", lambda _: command)
        weather, striker = Weather(cluster.faults, None, seed), Striker([replica])

        def see(moment: str, call: Call, port: int) -> None:
            kind = {"GET": "find", "POST": "create"}[call.method] if call.path == PATH else "token"
            if moment == "arrived":
                weather.before("cluster", kind)
            striker.see("cluster", moment, kind, port)

        cluster.witness = see
        replica.start()
        try:
            _fire(jobs, replica, striker, kills, random.Random(seed))  # noqa: S311 - to be repeated
            until = time.monotonic() + 60
            while (
                time.monotonic() < until and jobs.execute("SELECT 1 FROM jobs WHERE spec IS NULL").fetchone()
            ):
                time.sleep(0.1)
            time.sleep(LATE_S + 0.5)  # what was dropped may still come
        finally:
            replica.kill()
        names = Counter(spec["metadata"]["name"] for spec in cluster.specs())
    twice = sum(count > 1 for count in names.values())
    return Counter({"kills": kills, "specs": names.total(), "duplicate specs": twice})


def _fire(
    jobs: sqlite3.Connection, replica: Replica, striker: Striker, kills: int, draw: random.Random
) -> None:
    instants = [instant for instant in INSTANTS if instant.place == "cluster"]
    for number in range(kills):
        striker.arm(instants[number % len(instants)], "kill")
        for job in range(JOBS_A_KILL):
            jobs.execute("INSERT INTO jobs (name) VALUES (?)", (f"control-{number}-{job}",))
            time.sleep(draw.uniform(0, 0.1))
        if striker.wait(3.0) is None:
            replica.kill()
        replica.start()


def _jobs(path: str) -> sqlite3.Connection:
    jobs = sqlite3.connect(path, isolation_level=None, timeout=20)
    jobs.execute("PRAGMA journal_mode=WAL")
    jobs.execute("CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, spec TEXT)")
    return jobs


if __name__ == "__main__":
    executor()

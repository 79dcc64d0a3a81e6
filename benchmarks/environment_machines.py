"""Machines that are none: networks that can be cut, and clocks that jump."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from environment_trials import Trial

_SECOND = 10**9
_PAGE = 4096


# Networks


@dataclass(frozen=True)
class Network:
    """Two places with a cable between them.

    Attributes:
        names: of the places, as the system knows them.
        starts: the words before a command that is to run in each.
        address: of the first, as the second knows it.
    """

    names: tuple[str, str]
    starts: tuple[tuple[str, ...], ...]
    address: str = "10.77.0.1"

    def set_cable(self, place: int, state: str) -> None:
        """Pull it out of one of the places (``down``), or put it in again (``up``)."""
        _ip("-n", self.names[place], "link", "set", "cable", state)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Two places with a cable between them; each finds this machine's name at its own address.

    Raises:
        OSError, subprocess.CalledProcessError: this user may not make them.
    """
    unique = f"{os.getpid()}-{abs(hash(folder)) % 10**6}"
    names = (f"narrows-{unique}-0", f"narrows-{unique}-1")
    with contextlib.ExitStack() as made:
        for name in names:
            _ip("netns", "add", name)
            made.callback(subprocess.run, ["ip", "netns", "del", name])
        ends = ("type", "veth", "peer", "name", "cable", "netns", names[1])
        _ip("-n", names[0], "link", "add", "cable", *ends)
        starts = []
        for number, name in enumerate(names):
            address = f"10.77.0.{number + 1}"
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            for link in ("lo", "cable"):
                _ip("-n", name, "link", "set", link, "up")
            hosts = folder / f"hosts-{number}"
            hosts.write_text(f"127.0.0.1 localhost\n{address} {socket.gethostname()}\n")
            own = 'mount --bind "$0" /etc/hosts && exec "$@"'
            within = ("ip", "netns", "exec", name, "unshare", "--mount", "sh", "-c", own)
            starts.append((*within, str(hosts)))
        yield Network(names, tuple(starts))


def can_connect(scratch: Path) -> bool:
    """Whether this user may make networks."""
    try:
        with network(scratch) as made:
            return subprocess.run([*made.starts[0], "true"]).returncode == 0
    except (OSError, subprocess.CalledProcessError):
        return False


# Clocks


def compiled_clock(scratch: Path) -> Path | None:
    """The library that makes the time of day jump; None where it cannot be made."""
    made = scratch / "clock.so"
    source = Path(__file__).with_name("clock.c")
    compiler = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) or "cc"
    if not made.exists():
        words = [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
        try:
            subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            return None
    return made


def clock(trial: Trial, name: str) -> tuple[Path, dict[str, str]]:
    """A clock that is right at first, and the environment of what goes by it."""
    library = compiled_clock(trial.place.scratch)
    assert library is not None
    place = trial.folder / name
    place.write_bytes(bytes(_PAGE))
    return place, {"LD_PRELOAD": str(library), "NARROWS_CLOCK": str(place)}


def own_clock(trial: Trial) -> Path:
    """Let a trial's commands go by a clock of their own."""
    place, environment = clock(trial, "clock")
    trial.environment |= environment
    return place


def jump(place: Path, random: np.random.Generator) -> float:
    """Let a clock jump by a second to a year, ahead or back; gives by how many seconds."""
    seconds = float(np.exp(random.uniform(0, np.log(365 * 86400)))) * random.choice([-1, 1])
    with place.open("r+b") as file:  # those that go by it see it at once
        file.write(struct.pack("<q", int(seconds * _SECOND)))
    return seconds

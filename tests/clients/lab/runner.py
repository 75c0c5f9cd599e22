"""Runs clients through the cases. One process for each client and mode; a case that hangs ends it, the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.lab import judge
from tests.clients.lab.driver import Driver
from tests.clients.lab.mark import Mark
from tests.clients.lab.table import CA_VARIABLES, PROXY_VARIABLES, Client
from tests.clients.lab.world import World

DRIVERS = Path(__file__).parent / "drivers"
START_TIMEOUT = 90.0  # seconds, on a busy machine: compiling, or importing an SDK
CASE_TIMEOUT = 45.0


@dataclass
class Result:
    """What came of a client in a mode."""

    client: Client
    mode: str
    version: str = ""
    cases: dict[str, list[str]] = field(default_factory=dict)  # what is wrong, nothing where all is right
    trusts: list[str] | None = None  # the variables with a CA, each of which is enough; None: not tried
    seconds: float = 0

    def wrong(self) -> list[str]:
        """What is not as the table says, cases that fail for the client's own reasons included when they do not."""
        found = []
        for case, problems in self.cases.items():
            own = self.client.own.get((self.mode, case))
            if own and not problems:
                found.append(f"{case}: works, though the table says: {own.what}")
            elif not own:
                found += [f"{case}: {problem}" for problem in problems]
        if self.trusts == [] and not self.client.own.get((self.mode, "json")):
            found.append("json: none of the variables with a CA is enough")
        return found


def command(world: World, client: Client, mode: str) -> list[str]:
    """The driver as somebody would start it."""
    folder = Path(world.runtimes["drivers"]) if client.language == "Node" else DRIVERS
    url = "-" if mode == "proxy" or client.base_url else world.serving.url + client.path
    language = "Python" if client.language == "shell" else client.language
    program = [world.runtimes.get(client.id) or world.runtimes[language]]
    if language != "Go":  # which is compiled
        program.append(str(folder / client.driver))
    return [*program, f"lab:{client.id}:{mode}", str(world.body_file), url]


def started(world: World, client: Client, mode: str) -> Driver:
    """The driver in the mode: through `mitmvault run`, or with two variables of `mitmvault env --base-url`."""
    line = command(world, client, mode)
    if mode == "proxy":
        return Driver(world.run(line), world.own, world.place)
    variables = {name: world.based[name] for name in (client.key, client.base_url) if name}
    return Driver(line, world.machine | variables, world.place)


def tried(world: World, client: Client, mode: str, cases: Iterable[str]) -> Result:
    """Run a client through cases."""
    result, begun = Result(client, mode), time.monotonic()
    left = [case for case in cases if case in client.cases]
    while left:
        with started(world, client, mode) as driver:
            try:
                result.version = str(driver.ask("", START_TIMEOUT)["version"])
            except (TimeoutError, ChildProcessError) as error:
                result.cases |= {case: [f"the driver did not start: {error}"] for case in left}
                break
            while left:
                case = left.pop(0)
                try:
                    result.cases[case] = judged(world, client, mode, case, driver)
                except (TimeoutError, ChildProcessError) as error:
                    result.cases[case] = [str(error)]
                    break
    result.seconds = time.monotonic() - begun
    return result


def judged(world: World, client: Client, mode: str, case: str, driver: Driver) -> list[str]:
    """Let a driver do one case, and say what is wrong with it."""
    mark = Mark(client.id, mode, case)
    said = driver.ask(case, CASE_TIMEOUT)
    left = case == "cancel" and "text" in said and world.stage.left(mark)
    arrivals = world.provider.take(lambda arrived: _is_of(Mark.find(arrived.body), mark))
    return judge.problems(client, mark, judge.Evidence(said, arrivals, left, world.keys, world.secrets, world.body))


def _is_of(found: Mark | None, mark: Mark) -> bool:
    return found is not None and (found.client, found.mode, found.case) == (mark.client, mark.mode, mark.case)


def trusted(world: World, client: Client) -> list[str]:
    """The variables with a CA each of which, alone, is enough beside those for the proxy and the key."""
    return [name for name in CA_VARIABLES[client.language] if _works_with(world, client, name)]


def _works_with(world: World, client: Client, ca: str) -> bool:
    source = world.proxied_with_token if client.language == "Java" else world.proxied
    names = (*PROXY_VARIABLES[client.language], ca, client.key)
    environ = world.machine | {name: source[name] for name in names}
    with Driver(command(world, client, "proxy"), environ, world.place) as driver:
        try:
            driver.ask("", START_TIMEOUT)
            return not judged(world, client, "proxy", "json", driver)
        except (TimeoutError, ChildProcessError):
            return False


def run(
    world: World, jobs: list[tuple[Client, str]], cases: list[str], trust: bool, workers: int,
    tell: Callable[[Result], None],
) -> list[Result]:  # fmt: skip
    """Run all, some at once; tell each as it is done."""

    def one(job: tuple[Client, str]) -> Result:
        client, mode = job
        result = tried(world, client, mode, cases)
        if trust and mode == "proxy":
            result.trusts = trusted(world, client)
        tell(result)
        return result

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, jobs))

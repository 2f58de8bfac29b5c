"""The audit as a pytest plugin: ``pytest tests/server --inventory inventories/prod.py``.

The hosts and the way to them are the inventory's, by pyinfra's own connection. testinfra gives the
``host`` fixture (for checks of one's own) and the option ``--nagios``, whose report is ours here.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from postroad.audit import report, suites
from postroad.audit.report import Result
from postroad.settings.terminal import line, shown, tell

if TYPE_CHECKING:
    from testinfra.host import Host as TestinfraHost

    from postroad.audit.audited import Audited
    from postroad.dns.check.verdict import Verdict
    from postroad.roles.run.ask import UnansweredError
    from postroad.roles.run.inventory import Loaded
    from postroad.roles.run.site import Site

DEPLOY = "deploys/mailserver.py"
HOST_PARAMETER = "_testinfra_host"
WAIVED = "waived: "
SUITES = Path(suites.__file__).parent

_FAULT = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of an audit."""
    group = parser.getgroup("postroad", "audit of live hosts")
    group.addoption("--inventory", type=Path, help="inventory of the hosts to audit")
    group.addoption("--report-json", type=Path, help="write {check, host, verdict, detail} there")


@dataclass
class Audit:
    """One audit: its inventory, what its hosts answered once they were asked, its results."""

    path: Path
    loaded: Loaded
    sites: dict[str, Site] = field(default_factory=dict)
    answers: dict[str, Audited | UnansweredError] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def command(self, host: str) -> str:
        """The command that converges one host."""
        return f"pyinfra -y --limit {host} {self.path} {DEPLOY}"

    def ask(self, items: list[pytest.Item]) -> None:
        """Ask every host that a check of ``items`` is about, all at once."""
        from postroad.audit.gather import gather, sites_of

        hosts = (_host(item) for item in items)
        names = dict.fromkeys(host.backend.hostname for host in hosts if host is not None)
        self.sites = sites_of(self.loaded, names)
        self.answers = gather(self.sites, self.command)

    def names(self) -> tuple[Verdict, ...]:
        """What the world says of the estate's names. Hosts that were asked are not asked again."""
        from pyinfra.context import ctx_state

        from postroad.audit import outside
        from postroad.audit.audited import Audited
        from postroad.roles.run.ask import UnansweredError
        from postroad.roles.run.live import reach

        answers = self.answers.items()
        heard = {
            name: () if answer.lacks("signed") else answer.signed
            for name, answer in answers
            if isinstance(answer, Audited)
        }
        silent = {name: why for name, why in answers if isinstance(why, UnansweredError)}
        with ctx_state.use(self.loaded.state):
            found = reach(self.loaded, silent)
            known = [self.sites.get(site.pyhost.name, site) for site in found.sites]
            return tuple(outside.verdicts(replace(found, sites=known), heard))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A check of ours that is about what was not answered, or is no answer, is unknown."""
        from postroad.audit.evidence import NotAnsweredError

        try:
            return (yield)
        except NotAnsweredError as error:
            reason = str(error)
        except Exception as error:
            if _about(item) is None or not item.path.is_relative_to(SUITES):
                raise
            reason = f"what was answered cannot be judged ({type(error).__name__}: {error})"
        pytest.skip(f"unknown: {line(reason)}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """What a check says, and an error as well, as it may be printed."""
        seen = yield
        if isinstance(seen.longrepr, tuple):
            path, number, reason = seen.longrepr
            seen.longrepr = (path, number, shown(reason))
        elif seen.longrepr is not None:
            seen.longrepr = shown(seen.longreprtext)
        return seen

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Name each check and its host in every report, JUnit's among them."""
        for item in items:
            about = _about(item)
            if about is not None:
                item.user_properties += [("check", _check(item)), ("host", about)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Do not even ask what cannot hold of a lone box; it is listed as waived."""
        from postroad.mail.lone import waived

        why = waived(self.loaded.estate, _check(item)) if _about(item) is not None else ""
        if why:
            pytest.skip(f"{WAIVED}{why}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what became of a check."""
        about = dict(report.user_properties)
        if "check" in about and (report.when == "call" or report.outcome != "passed"):
            self.results.append(_result(str(about["check"]), str(about["host"]), report))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What is not known, and what was waived: once for each reason."""
        if not terminalreporter.config.option.nagios:
            for told in report.not_judged(self.results):
                terminalreporter.write_line(told)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports, and close the connections."""
        from pyinfra.context import ctx_state

        from postroad.roles.run.live import leave

        config = session.config
        if config.option.report_json:
            config.option.report_json.write_text(report.as_json(self.results), encoding="utf-8")
        if config.option.nagios:
            tell(report.nagios_line(self.results, time.monotonic() - self.started))
            session.exitstatus = report.nagios_status(self.results)
        with ctx_state.use(self.loaded.state):
            leave(self.loaded)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Load the inventory, where one is given, and make its hosts testinfra's."""
    if config.option.inventory is None:
        return
    # Only here: the import makes the whole process cooperative (gevent), which other tests need not
    # be.
    from postroad.audit import backend
    from postroad.roles.run.inventory import InventoryError, load
    from postroad.settings.faults import EstateFaults

    try:
        loaded = load(config.option.inventory)
    except (InventoryError, EstateFaults) as error:
        if config.option.nagios:
            config.stash[_FAULT] = str(error)
            return
        raise pytest.UsageError(str(error)) from None
    hosts = {host.name: host for host in loaded.hosts}
    backend.register(hosts)
    config.option.hosts = ",".join(map(backend.address, hosts))
    config.pluginmanager.register(Audit(config.option.inventory, loaded), "postroad-audit")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let our report stand in for testinfra's, which knows two states only."""
    # Not before: only now does nothing else write to standard output.
    if fault := session.config.stash.get(_FAULT, ""):
        tell(report.nagios_failure(fault))
        pytest.exit("no inventory", returncode=3)
    manager = session.config.pluginmanager
    if manager.has_plugin("postroad-audit") and manager.has_plugin("nagiosreporter"):
        manager.unregister(name="nagiosreporter")


@pytest.fixture(scope="session")
def _audit(request: pytest.FixtureRequest) -> Audit:
    audit = request.config.pluginmanager.get_plugin("postroad-audit")
    if not isinstance(audit, Audit):
        pytest.skip("no hosts to audit: say which, as --inventory inventories/prod.py")
    audit.ask(request.session.items)
    return audit


@pytest.fixture(scope="module")
def answer(_audit: Audit, host: TestinfraHost) -> Audited | UnansweredError:
    """What the host answered, or why it did not."""
    return _audit.answers[host.backend.hostname]


@pytest.fixture(scope="module")
def audited(answer: Audited | UnansweredError) -> Audited:
    """The host as the audit sees it; no verdict on one that does not answer."""
    if isinstance(answer, Exception):
        pytest.skip("unknown: the host does not answer")
    return answer


@pytest.fixture(scope="session")
def estate_names(_audit: Audit) -> tuple[Verdict, ...]:
    """What the world says of the estate's names: asked once, and only where a check wants it."""
    return _audit.names()


def _about(item: pytest.Item) -> str | None:
    """The host or estate that a check is about; None for a test that is none of the audit's."""
    if "estate_names" in getattr(item, "fixturenames", ()):
        return report.ESTATE
    host = _host(item)
    return None if host is None else str(host.backend.hostname)


def _host(item: pytest.Item) -> Any:
    """The testinfra host of a check; None for a test that is none of the audit's."""
    if "answer" not in getattr(item, "fixturenames", ()):
        return None
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return parameters.get(HOST_PARAMETER)


def _check(item: pytest.Item) -> str:
    """The check's name: its family and what must be true."""
    family = item.nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")
    name = getattr(item, "originalname", item.name)
    return f"{family.removeprefix('test_')}.{name.removeprefix('test_')}"


def _result(check: str, host: str, seen: pytest.TestReport) -> Result:
    if seen.skipped:
        reason = seen.longrepr[2] if isinstance(seen.longrepr, tuple) else seen.longreprtext
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(WAIVED):
            return Result(check, host, "waived", reason.removeprefix(WAIVED))
        return Result(check, host, "unknown", reason.removeprefix("unknown: "))
    if seen.passed:
        return Result(check, host, "ok", "")
    verdict: report.Verdict = "wrong" if seen.when == "call" else "error"
    return Result(check, host, verdict, seen.longreprtext)

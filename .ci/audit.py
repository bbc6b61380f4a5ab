"""Asks a vulnerability service about locked requirements, through pip-audit, and never mistakes silence for good news.

    python .ci/audit.py requirements-cpu.txt

Exit status: 0 no known vulnerability, 1 there is one, 75 the audit did not run. It did not run if the service cannot be
reached, does not know a vulnerability that it must know, or was not asked about every package.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

CLEAN, VULNERABLE, DID_NOT_RUN = 0, 1, 75
"""The last is EX_TEMPFAIL of sysexits.h."""

TOOLS = Path(__file__).resolve().parents[1] / ".venv-tools" / "bin" / "python"
"""Where `make .venv-tools/.ready` installs pip-audit."""

KNOWN = "pyyaml==5.1"
"""Has a vulnerability (CVE-2020-1747) that every service knows; one that does not say so knows nothing."""

_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)==", re.MULTILINE)


class AuditDidNotRunError(Exception):
    """Nothing can be said about vulnerabilities; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What pip-audit found: the packages that it asked about, and a line for each vulnerability."""

    audited: frozenset[str]
    vulnerabilities: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Report:
        """Read pip-audit's JSON. Raises AuditDidNotRunError if it is none, or if a package was skipped."""
        try:
            packages: list[dict[str, Any]] = json.loads(text)["dependencies"]
        except (ValueError, KeyError, TypeError):
            raise AuditDidNotRunError("pip-audit gave no report") from None
        skipped = sorted(f"{one['name']} ({one['skip_reason']})" for one in packages if "skip_reason" in one)
        if skipped:
            raise AuditDidNotRunError(f"{len(skipped)} packages were skipped: {', '.join(skipped)}")
        found = [f"{one['name']} {one['version']}: {_words(bug)}" for one in packages for bug in one["vulns"]]
        return cls(audited=frozenset(_name(one["name"]) for one in packages), vulnerabilities=tuple(found))


def audit(requirements: Sequence[Path], *, service: str | None = None, python: Path = TOOLS) -> Report:
    """The report on every package that these files lock. Raises AuditDidNotRunError if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.txt"
        known.write_text(f"{KNOWN}\n", encoding="utf-8")
        if not _ask(known, service, python, "--no-deps").vulnerabilities:
            raise AuditDidNotRunError(f"the service does not know the vulnerability of {KNOWN}")
    reports = [_audit(file, service, python) for file in requirements]
    return Report(
        audited=frozenset().union(*(one.audited for one in reports)),
        vulnerabilities=tuple(dict.fromkeys(line for one in reports for line in one.vulnerabilities)),
    )


def _audit(file: Path, service: str | None, python: Path) -> Report:
    report = _ask(file, service, python, "--require-hashes")
    missing = sorted(_locked(file) - report.audited)
    if missing or not report.audited:
        raise AuditDidNotRunError(f"the service was not asked about {', '.join(missing) or 'any package'} of {file}")
    return report


def _ask(file: Path, service: str | None, python: Path, *options: str) -> Report:
    where = ["--osv-url", service] if service else []
    words = ["--vulnerability-service", "osv", *where, "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    command = [str(python), "-m", "pip_audit", *words, *options, "--requirement", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or [f"pip-audit ended with status {done.returncode}"])[-1]
        raise AuditDidNotRunError(last.removeprefix("ERROR:pip_audit._cli:"))
    return Report.parse(done.stdout)


def _locked(file: Path) -> frozenset[str]:
    """The packages that pip installs on any machine: those without a marker."""
    lines = (line for line in file.read_text(encoding="utf-8").splitlines() if ";" not in line)
    return frozenset(map(_name, _PINNED.findall("\n".join(lines))))


def _words(bug: dict[str, Any]) -> str:
    return f"{bug['id']}, fixed in {', '.join(bug['fix_versions']) or 'no version yet'}"


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


@click.command(help=__doc__.replace("\n\n", "\n\n\b\n") if __doc__ else None)
@click.argument("requirements", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--service", metavar="URL", help="An OSV service other than pip-audit's default.")
@click.option("--may-not-run", is_flag=True, help="Exit with 0 if the audit did not run, but say so.")
@click.option("--python", type=click.Path(path_type=Path), default=TOOLS, help="The Python that has pip-audit.")
def main(requirements: tuple[Path, ...], service: str | None, may_not_run: bool, python: Path) -> None:
    """Print the verdict; the module's docstring has the exit statuses."""
    try:
        report = audit(requirements, service=service, python=python)
    except AuditDidNotRunError as error:
        click.echo(f"The audit did not run: {error}. Nothing is known about vulnerabilities.")
        sys.exit(CLEAN if may_not_run else DID_NOT_RUN)
    for line in report.vulnerabilities:
        click.echo(line)
    packages, found = len(report.audited), len(report.vulnerabilities)
    counted = f"Known vulnerabilities: {found}, in" if found else "No known vulnerabilities in"
    click.echo(f"{counted} {packages} packages.")
    sys.exit(VULNERABLE if found else CLEAN)


if __name__ == "__main__":
    main()

"""What can be read about a version, a data version or a drift finding: files of this home, and the servers' pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection

from evergreen.adapters.database import ledger, requests
from evergreen.adapters.database.ledger import ModelVersion
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.models.folder import read_run_id
from evergreen.errors import EvergreenError, NotFound
from evergreen.settings import Settings

# Papers are other tools' pages: they run apart from everything of this service, and ask nobody for anything.
PAPER_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class PageLink:
    """Where something is to be read, and what it is."""

    name: str
    href: str


class Papers:
    """Finds what there is; a link is given only to what is there."""

    def __init__(self, settings: Settings, prefect: PrefectApi | None) -> None:
        self._settings = settings
        self._prefect = prefect
        self._kinds: Mapping[str, Callable[[Connection, str], Path | None]] = {
            "notebook": lambda conn, of: self._of_version(conn, of, "train.html"),
            "card": lambda conn, of: self._of_version(conn, of, "model_card/model_card.html"),
            "validation": self._validation,
            "drift": lambda conn, of: self._of_finding(conn, of, "drift.html"),
            "profiles": lambda conn, of: self._of_finding(conn, of, "profiles.html"),
        }
        self._run_pages: dict[str, str] = {}

    def path(self, conn: Connection, kind: str, of: str) -> Path:
        """The file of one kind of paper about what is called `of`: a version, a data version or a session.

        Raises:
            NotFound: there is none.
        """
        path = self._kinds[kind](conn, of) if kind in self._kinds else None
        if path is None:
            raise NotFound(f"There is no {kind!r} paper of {of!r} here.", "The status page links what there is.")
        return path

    def of_version(self, conn: Connection, version: str) -> list[PageLink]:
        """Run, notebook and model card of a version, as far as they can be opened."""
        try:
            registered = ledger.read_model_version(conn, self._settings.model_name, version)
        except NotFound:
            return []
        links = [
            self._paper(conn, "card", version, "model card"),
            self._paper(conn, "notebook", version, "notebook"),
            self._mlflow(registered),
            self._prefect_run(conn, registered),
        ]
        return [link for link in links if link is not None]

    def of_data(self, conn: Connection, data_version: str) -> list[PageLink]:
        """The validation report of a data version, if one was written."""
        link = self._paper(conn, "validation", data_version, "validation report")
        return [link] if link else []

    def of_finding(self, conn: Connection, session: str) -> list[PageLink]:
        """Notebook and profiles of the drift found at a session, as far as they were made."""
        links = [self._paper(conn, kind, session, name) for kind, name in _OF_FINDING]
        return [link for link in links if link is not None]

    def _paper(self, conn: Connection, kind: str, of: str, name: str) -> PageLink | None:
        try:
            self.path(conn, kind, of)
        except NotFound:
            return None
        return PageLink(name, f"/papers/{kind}/{quote(of, safe='')}")

    def _mlflow(self, registered: ModelVersion) -> PageLink | None:
        uri = self._settings.mlflow
        return PageLink("MLflow run", f"{uri}/#/runs/{registered.run_id}") if uri.startswith("http") else None

    def _prefect_run(self, conn: Connection, registered: ModelVersion) -> PageLink | None:
        try:
            claimed_by = requests.read(conn, registered.request_id or "").claimed_by
        except NotFound:
            return None
        if self._prefect is None or claimed_by is None:
            return None
        if claimed_by not in self._run_pages:
            try:
                self._run_pages[claimed_by] = self._prefect.page(self._prefect.read(claimed_by))
            except EvergreenError:  # the server forgot it, or does not answer now
                return None
        return PageLink("Prefect run", self._run_pages[claimed_by])

    def _of_version(self, conn: Connection, version: str, name: str) -> Path | None:
        registered = ledger.read_model_version(conn, self._settings.model_name, version)
        folder = self._settings.runs / (registered.request_id or "none")
        try:
            is_its_own = read_run_id(folder / "output") == registered.run_id
        except (OSError, ValueError, KeyError):
            return None
        return _if_there(folder / name) if is_its_own else None

    def _validation(self, conn: Connection, data_version: str) -> Path | None:
        page = Path(str(ledger.read_data_version(conn, data_version).report.get("page") or ""))
        return _if_there(self._settings.reports / page.parent.name / page.name)  # the home may have moved since

    def _of_finding(self, conn: Connection, session: str, name: str) -> Path | None:
        checked = {check.as_of for check in ledger.drift_checks(conn, self._settings.model_name)}
        return _if_there(self._settings.reports / session / name) if session in checked else None


_OF_FINDING = (("drift", "drift notebook"), ("profiles", "profiles"))


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None

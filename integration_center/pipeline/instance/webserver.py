"""Dagster's webserver of this `DAGSTER_HOME`, asked over GraphQL: launch, status, log, reload."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import httpx

from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.files.regular_files import read_regular
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.instance.code_locations import (
    LOCATION,
    Location,
    choose_location,
    find_project,
    read_locations,
)
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.remote import trust_certificates
from integration_center.settings import Settings
from integration_center.wording.addresses import check_url

logger = logging.getLogger(__name__)

WORKSPACE = Path(__file__).with_name("workspace.yaml")
"""Names our code location to Dagster's processes."""
WEBSERVER_FILE = "webserver.json"
CONNECT_SECONDS = 3
ANSWER_SECONDS = 30
RELOAD_SECONDS = 120
LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on InvalidSubsetError { message }
    ... on UnauthorizedError { message }
    ... on PipelineNotFoundError { message }
  }
}
"""


LOCATIONS = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } jobs { name } } } } }
"""

RUN_STATUS = """
query Status($run: ID!) { runOrError(runId: $run) { __typename ... on Run { status } } }
"""

RUN_LOG = """
query Log($run: ID!, $after: String, $limit: Int) {
  logsForRun(runId: $run, afterCursor: $after, limit: $limit) {
    __typename
    ... on EventConnection {
      hasMore
      cursor
      events { __typename ... on MessageEvent { timestamp level message stepKey }
               ... on ErrorEvent { error { message } } }
    }
  }
}
"""

RELOAD = """
mutation Reload($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) {
    __typename
    ... on WorkspaceLocationEntry { locationOrLoadError { __typename ... on PythonError { message } } }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on RepositoryLocationNotFound { message }
    ... on ReloadNotSupported { message }
  }
}
"""


@dataclass(frozen=True)
class LogLine:
    """A line of a run's log.

    Attributes:
        at: UTC.
        level: such as `INFO` or `ERROR`.
        step: the step that said it; empty when the run itself did.
    """

    at: datetime
    level: str
    step: str
    text: str


@dataclass(frozen=True)
class RunLog:
    """Some lines of a run's log, the oldest first.

    Attributes:
        cursor: where the next lines begin; None when there are none.
    """

    lines: Sequence[LogLine]
    cursor: str | None


@dataclass(frozen=True)
class Webserver:
    """A Dagster webserver of this `DAGSTER_HOME`.

    Attributes:
        url: its address.
        locations: the names of its code locations that hold integrations, when it was found.
    """

    url: str
    locations: frozenset[str] = frozenset({LOCATION})

    def execute(
        self, query: str, variables: dict[str, Any] | None = None, *, timeout: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        """One GraphQL request; a resolver error comes as HTTP 500 with a JSON body, so the body is read first.

        Args:
            query: GraphQL.
            variables: what it names.
            timeout: seconds to wait for an answer.

        Raises:
            ServiceUnavailable: no answer, or one that is no GraphQL.
        """
        try:
            response = httpx.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables or {}},
                timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS),
                verify=trust_certificates(),
                trust_env=False,
            )
            body = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise ServiceUnavailable(f"the Dagster webserver at {self.url} does not answer: {error}") from None
        if not isinstance(body, dict) or not isinstance(body.get("data") or {}, dict):
            raise ServiceUnavailable(f"what answers at {self.url} is no Dagster webserver")
        if body.get("data") is None:
            errors = "; ".join(error.get("message", "") for error in body.get("errors", []))
            raise ServiceUnavailable(f"the Dagster webserver at {self.url} refused the request: {errors}")
        data: dict[str, Any] = body["data"]
        return data

    def list_locations(self, *, timeout: float = ANSWER_SECONDS) -> list[Location]:
        """List the loaded code locations that hold integrations; our own comes first."""
        return read_locations(self.execute(LOCATIONS, timeout=timeout)["repositoriesOrError"].get("nodes", []))

    def launch(self, request: RunRequest) -> str:
        """Launch a run; its id.

        Raises:
            ConfigurationError: Dagster refused it, or knows no such job.
        """
        # A job without days is one that projects share, as that which undoes; any location runs it.
        location = choose_location(self.list_locations(), request.job, shared=request.days is None, url=self.url)
        params: dict[str, Any] = {
            "selector": {
                "repositoryLocationName": location.name,
                "repositoryName": location.repository,
                "jobName": request.job,
                "assetSelection": [{"path": key.path} for key in request.assets] or None,
            },
            "runConfigData": request.run_config or {},
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in request.all_tags.items()]},
        }
        outcome = self.execute(LAUNCH, {"params": params})["launchRun"]
        if outcome["__typename"] != "LaunchRunSuccess":
            reasons = outcome.get("message") or "; ".join(error["message"] for error in outcome.get("errors", []))
            raise ConfigurationError(f"Dagster refused the run: {outcome['__typename']} {reasons}")
        run_id: str = outcome["run"]["runId"]
        return run_id

    def status(self, run_id: str) -> dg.DagsterRunStatus | None:
        """What Dagster says of a run; None when it does not know it.

        Raises:
            ServiceUnavailable: it does not answer.
        """
        run = self.execute(RUN_STATUS, {"run": run_id})["runOrError"]
        return dg.DagsterRunStatus(run["status"]) if run["__typename"] == "Run" else None

    def log(self, run_id: str, after: str | None = None, *, limit: int = 500) -> RunLog | None:
        """Lines of a run's log; None when Dagster does not know the run.

        Args:
            run_id: the run.
            after: the cursor of the lines before; from the beginning when None.
            limit: at most so many.

        Raises:
            ServiceUnavailable: it does not answer.
        """
        found = self.execute(RUN_LOG, {"run": run_id, "after": after, "limit": limit})["logsForRun"]
        if found["__typename"] != "EventConnection":
            return None
        lines = [read_log_line(event) for event in found["events"] if "message" in event]
        return RunLog(lines, found["cursor"] if found["hasMore"] else None)

    def reload(self) -> None:
        """Let Dagster read the integrations of all its locations again.

        Raises:
            ConfigurationError: Dagster refused it, or could not load them.
            ServiceUnavailable: it does not answer.
        """
        for name in [each.name for each in self.list_locations()] or [LOCATION]:
            self._reload(name)

    def _reload(self, location: str) -> None:
        outcome = self.execute(RELOAD, {"location": location}, timeout=RELOAD_SECONDS)["reloadRepositoryLocation"]
        loaded = outcome.get("locationOrLoadError") or outcome
        if loaded["__typename"] != "RepositoryLocation":
            raise ConfigurationError(
                f"Dagster could not load the integrations: {loaded['__typename']} {loaded.get('message', '')}".strip()
            )


def read_log_line(event: Mapping[str, Any]) -> LogLine:
    """A line of the log from GraphQL's event; an error is its own text, without its stack."""
    error = (event.get("error") or {}).get("message", "")
    text = "\n".join(part.strip() for part in (event["message"], error) if part and part.strip())
    at = datetime.fromtimestamp(float(event["timestamp"]) / 1000, UTC)
    return LogLine(at, event["level"], event["stepKey"] or "", text or event["__typename"])


def find_workspace(settings: Settings) -> Path:
    """Find the file that names the code locations to Dagster's processes.

    Raises:
        ConfigurationError: the settings name one that is not there.
    """
    if not settings.workspace:
        return WORKSPACE
    path = Path(settings.workspace).absolute()
    if not path.is_file():
        raise ConfigurationError(
            "the file that names Dagster's code locations is not there",
            setting=f"INTEGRATION_CENTER_WORKSPACE names {path}; correct it in .env",
        )
    return path


def find_webserver(settings: Settings, *, timeout: float = ANSWER_SECONDS) -> Webserver | None:
    """The webserver of this installation, when one answers with a code location that holds integrations.

    Asks the one that `INTEGRATION_CENTER_DAGSTER_URL` names. Without that, looks where `integration-center up` noted
    its address, else on Dagster's default port, for one with this `DAGSTER_HOME`.
    """
    webserver = Webserver(find_dagster_url(settings) or "http://127.0.0.1:3000")
    try:
        locations = webserver.list_locations(timeout=timeout) if is_ours(webserver, settings, timeout) else []
    except (ServiceUnavailable, LookupError, TypeError, AttributeError):  # nobody answers, or something else
        return None
    return Webserver(webserver.url, frozenset(each.name for each in locations)) if locations else None


def find_prefix(find: Callable[[], Webserver | None], slug: str, spec: IntegrationSpec | None) -> str | None:
    """Find the prefix of an integration, which the jobs of its project have, too.

    Args:
        find: finds the web server, which knows the project of an integration whose file is not here.
        slug: of the integration.
        spec: what its file says; None where it is not here.
    """
    if spec is not None:
        return spec.prefix
    webserver = find()
    return find_project(webserver.list_locations(), slug) if webserver else None


def is_ours(webserver: Webserver, settings: Settings, timeout: float) -> bool:
    """Whether a webserver is that of this installation: it is named in the settings, or has the same `DAGSTER_HOME`.

    Raises:
        ServiceUnavailable: it does not answer.
    """
    if settings.dagster_url:
        return True
    data = webserver.execute("{ instance { info } }", timeout=timeout)
    return str(settings.dagster_home) in (data["instance"]["info"] or "")


def require_named(settings: Settings, webserver: Webserver | None) -> None:
    """Check that the webserver that the settings name was found.

    Raises:
        ServiceUnavailable: it was not, so a run would go where nobody looks for it.
    """
    if settings.dagster_url and webserver is None:
        raise ServiceUnavailable(
            f"the Dagster web server at {settings.dagster_url} does not answer with integrations",
            setting="Start it, or correct INTEGRATION_CENTER_DAGSTER_URL",
        )


def find_dagster_url(settings: Settings) -> str | None:
    """Find the address of the Dagster UI: the one in the settings, or the one that `up` noted; None without either."""
    return settings.dagster_url or read_noted_url(settings.dagster_home / WEBSERVER_FILE)


def read_noted_url(noted: Path) -> str | None:
    """The address that `integration-center up` noted; None where there is no note, or one that makes no sense."""
    try:
        note = json.loads(read_regular(noted))
        return check_url(note["url"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        logger.warning(
            "%s does not hold the address of the Dagster UI (%s); it is ignored", noted, type(error).__name__
        )
        return None

"""The alert settings: who gets which alert, and where. Their text is that of `alerts.yaml`."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from integration_center.errors import ConfigurationError
from integration_center.files.model_faults import say_faults
from integration_center.files.yaml_bounds import YamlFault
from integration_center.files.yaml_faults import check_yaml, construct_yaml
from integration_center.integration.spec import Environment, Percent
from integration_center.secret_stores.references import Secret
from integration_center.wording.addresses import check_url


class Kind(StrEnum):
    """What an alert is about."""

    FAILED = "failed"
    """The last run failed."""
    HELD = "held"
    """A limit, the canary or the reserve of API calls holds records back."""
    LATE = "late"
    """A run that was due never came."""
    APPROVAL = "approval"
    """A plan waits for approval."""
    FAILED_ROWS = "failed_rows"
    """A run was completed, and more of its rows than usual were not written."""
    MATCH_RATE = "match_rate"
    """Fewer rows found a record than in the runs before."""
    UNUSUAL = "unusual"
    """The report has far more or fewer rows, or the run far more changes, than the runs before."""
    API_CALLS = "api_calls"
    """The org has few API calls left."""
    ACCOUNT = "account"
    """Salesforce refuses an account."""
    DAGSTER = "dagster"
    """A sensor, a schedule or the daemon of Dagster does not work, or the file of an integration."""


def check_secret_url(value: SecretStr) -> SecretStr:
    """Check the address of a webhook, without repeating it.

    Raises:
        ValueError: it is no https:// address.
    """
    try:
        return SecretStr(check_url(value.get_secret_value()))
    except ValueError:
        raise ValueError("it must be an https:// address (http:// only for localhost)") from None


SecretUrl = Annotated[Secret, AfterValidator(check_secret_url)]


class AlertModel(BaseModel):
    """Frozen, and strict about unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # most processes send no alert


class Wanted(AlertModel):
    """Which alerts a channel gets.

    Attributes:
        kinds: the kinds of alert; all without it.
        integrations: the folders of the integrations; all without it.
        environments: the names of accounts, such as `sandbox` or `emea-prod`; all without it.
    """

    kinds: tuple[Kind, ...] = ()
    integrations: tuple[str, ...] = ()
    environments: tuple[Environment, ...] = ()

    def wants(self, kind: Kind, slug: str | None, environment: Environment | None) -> bool:
        """Whether the channel gets an alert. What is of no integration or environment concerns all."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.integrations or slug is None or slug in self.integrations)
            and (not self.environments or environment is None or environment in self.environments)
        )


class Slack(Wanted):
    """A Slack channel, by an incoming webhook."""

    type: Literal["slack"]
    url: SecretUrl


class Teams(Wanted):
    """A channel of Microsoft Teams, by a workflow that posts what comes to its webhook."""

    type: Literal["teams"]
    url: SecretUrl


class PagerDuty(Wanted):
    """A service of PagerDuty, by the Events API v2."""

    type: Literal["pagerduty"]
    routing_key: Secret
    url: SecretUrl = SecretStr("https://events.pagerduty.com/v2/enqueue")


class Webhook(Wanted):
    """Any web server. Requests are signed as standardwebhooks.com says."""

    type: Literal["webhook"]
    url: SecretUrl
    secret: Secret = Field(min_length=16)


class Email(Wanted):
    """Mailboxes, by SMTP.

    Attributes:
        security: `starttls`, `tls` from the beginning, or `none`.
        sender: the address in From.
        to: who gets all alerts of this channel.
        owners: whether the owners of an integration get its alerts, too.
    """

    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret = SecretStr("")
    sender: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    to: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = ()
    owners: bool = True


Channel = Annotated[Slack | Teams | PagerDuty | Webhook | Email, Field(discriminator="type")]


class Thresholds(AlertModel):
    """When a completed run is worth an alert.

    Attributes:
        failed_rows: percent of the rows that were to be written and were not.
        match_rate_drop: by how many percent points fewer rows match than in the median of the runs before.
        rows_factor: how many times more or fewer rows the report has than in the median.
        changes_factor: how many times more records are changed than in the median.
        api_calls_left: percent of the org's daily API calls.
    """

    failed_rows: Percent = 5
    match_rate_drop: Percent = 20
    rows_factor: float = Field(default=2, gt=1)
    changes_factor: float = Field(default=5, gt=1)
    api_calls_left: Percent = 10


class AlertSettings(AlertModel):
    """The content of `alerts.yaml`.

    Attributes:
        console: the address of the console, for links; that of the callback URL without it.
        channels: by a name of your own.
        thresholds: when a completed run is worth an alert.
    """

    console: str | None = None
    channels: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], Channel] = {}
    thresholds: Thresholds = Thresholds()

    def find_channels(self, kind: Kind, slug: str | None, environment: Environment | None) -> Sequence[str]:
        """Find the names of the channels that get an alert."""
        return [name for name, channel in self.channels.items() if channel.wants(kind, slug, environment)]


def parse_alert_settings(text: str, place: str) -> AlertSettings:
    """Parse the text of the alert settings; `place` names it in messages.

    Raises:
        ConfigurationError: it says something unknown. The message names lines, and no secret.
    """
    try:
        documents = check_yaml(text, AlertSettings)
        if len(documents) > 1:
            raise ConfigurationError(f"{place}: it has {len(documents)} documents (---); keep one")
        content = construct_yaml(documents[0]) if documents else None
    except YamlFault as fault:
        raise ConfigurationError(f"{place}: {fault}") from None
    try:
        return AlertSettings.model_validate(content or {})
    except ValidationError as error:
        raise ConfigurationError(f"{place}: {'; '.join(say_faults(error, documents[0], AlertSettings))}") from None

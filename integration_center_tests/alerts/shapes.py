"""The documents that Slack, Teams and PagerDuty take, as strict as their documentation says.

Sources: Slack, "Reference: blocks"; Microsoft, "Create incoming webhooks with Workflows" and the schema of Adaptive
Cards 1.4; PagerDuty, "Send an alert event" (Events API v2).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator

Words = Annotated[str, Field(min_length=1)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlainText(Shape):
    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=150)]


class Markdown(Shape):
    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=3000)]

    @model_validator(mode="after")
    def check_escapes(self) -> "Markdown":
        plain = self.text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "&" not in plain
        return self


class Header(Shape):
    type: Literal["header"]
    text: PlainText


class Section(Shape):
    type: Literal["section"]
    text: Markdown


class Context(Shape):
    type: Literal["context"]
    elements: Annotated[list[Markdown], Field(min_length=1, max_length=10)]


class SlackMessage(Shape):
    text: Annotated[str, Field(min_length=1, max_length=40_000)]
    blocks: Annotated[
        list[Annotated[Header | Section | Context, Field(discriminator="type")]], Field(min_length=1, max_length=50)
    ]


class TextBlock(Shape):
    type: Literal["TextBlock"]
    text: Words
    weight: Literal["Bolder", "Default", "Lighter"] = "Default"
    size: Literal["Small", "Default", "Medium", "Large", "ExtraLarge"] = "Default"
    wrap: bool = False


class OpenUrl(Shape):
    type: Literal["Action.OpenUrl"]
    title: Words
    url: HttpUrl


class Card(Shape):
    scheme: Literal["http://adaptivecards.io/schemas/adaptive-card.json"] = Field(alias="$schema")
    type: Literal["AdaptiveCard"]
    version: Literal["1.2", "1.3", "1.4", "1.5"]
    body: Annotated[list[TextBlock], Field(min_length=1)]
    actions: Annotated[list[OpenUrl], Field(max_length=6)] = []


class Attachment(Shape):
    content_type: Literal["application/vnd.microsoft.card.adaptive"] = Field(alias="contentType")
    content_url: None = Field(alias="contentUrl", default=None)
    content: Card


class TeamsMessage(Shape):
    type: Literal["message"]
    attachments: Annotated[list[Attachment], Field(min_length=1, max_length=1)]


class EventLink(Shape):
    href: HttpUrl
    text: Words


class Payload(Shape):
    summary: Annotated[str, Field(min_length=1, max_length=1024)]
    source: Words
    severity: Literal["critical", "error", "warning", "info"]
    component: str | None = None
    group: str | None = None
    kind: str | None = Field(alias="class", default=None)
    custom_details: Mapping[str, object] = {}


class PagerDutyEvent(Shape):
    routing_key: Annotated[str, Field(min_length=32, max_length=32)]
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, Field(min_length=1, max_length=255)]
    payload: Payload | None = None
    links: list[EventLink] = []

    @model_validator(mode="after")
    def check_action(self) -> "PagerDutyEvent":
        assert (self.event_action == "trigger") == (self.payload is not None)
        return self


SHAPES: Mapping[str, type[BaseModel]] = {"/slack": SlackMessage, "/teams": TeamsMessage, "/v2/enqueue": PagerDutyEvent}

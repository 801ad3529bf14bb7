"""Lists the integrations of all code locations that a Dagster has loaded, whichever folders their files are in."""

from dataclasses import dataclass

from integration_center.pipeline.instance.webserver import Webserver
from integration_center.pipeline.names import ENVIRONMENT_TAG, INTEGRATION_TAG
from integration_center.wording.markdown import unescape_markdown

JOBS = """
{ repositoriesOrError { ... on RepositoryConnection {
  nodes { location { name } jobs { name description tags { key value } } } } } }
"""


@dataclass(frozen=True)
class LocatedIntegration:
    """An integration as its code location has loaded it.

    Attributes:
        location: the name of the code location.
        says: what it carries, or why it is broken, as a sentence.
        environment: the account; None for a broken one.
    """

    slug: str
    location: str
    says: str
    environment: str | None


def list_everywhere(webserver: Webserver) -> list[LocatedIntegration]:
    """List the integrations of all code locations, by slug.

    Raises:
        ServiceUnavailable: Dagster does not answer.
    """
    found = []
    for node in webserver.execute(JOBS)["repositoriesOrError"].get("nodes", []):
        for job in node["jobs"]:
            tags = {tag["key"]: tag["value"] for tag in job["tags"]}
            if tags.get(INTEGRATION_TAG) == job["name"]:  # other jobs are those that integrations share
                says = unescape_markdown(job["description"] or "")
                found.append(LocatedIntegration(job["name"], node["location"]["name"], says, tags.get(ENVIRONMENT_TAG)))
    return sorted(found, key=lambda each: (each.slug, each.location))

"""Lists the integrations of all code locations that a Dagster has loaded, whichever folders their files are in."""

from dataclasses import dataclass

import dagster as dg

from integration_center.pipeline.instance.code_locations import choose_location
from integration_center.pipeline.instance.webserver import Webserver
from integration_center.pipeline.names import ENVIRONMENT_TAG
from integration_center.pipeline.unended_runs import INTEGRATION_TAG
from integration_center.wording.markdown import unescape_markdown

JOBS = """
{ repositoriesOrError { ... on RepositoryConnection {
  nodes { location { name } jobs { name description tags { key value } } } } } }
"""

ASSETS = """
query Assets($job: PipelineSelector!) { assetNodes(pipeline: $job) { isExecutable assetKey { path } } }
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


def list_assets(webserver: Webserver, slug: str) -> list[dg.AssetKey]:
    """List the assets that a run of an integration materializes, in whichever code location that is.

    Raises:
        ConfigurationError: no location has the integration, or several have one of its name.
        ServiceUnavailable: Dagster does not answer.
    """
    location = choose_location(webserver.list_locations(), slug, shared=False, url=webserver.url)
    job = {
        "pipelineName": slug,
        "repositoryName": location.repository,
        "repositoryLocationName": location.name,
    }
    nodes = webserver.execute(ASSETS, {"job": job})["assetNodes"]
    return sorted(dg.AssetKey(node["assetKey"]["path"]) for node in nodes if node["isExecutable"])

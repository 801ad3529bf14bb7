"""Asks Dagster which integrations read an asset that their code location does not define.

Only Dagster knows the assets of a project; see `missing_upstream` for what a code location says of them.
"""

from collections.abc import Mapping

from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.instance.webserver import ANSWER_SECONDS, Webserver
from integration_center.pipeline.names import PROBLEM, input_key, update_set_key

SOURCES = """
query Sources($keys: [AssetKeyInput!]) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    dependencyKeys { path }
    metadataEntries { label ... on TextMetadataEntry { text } }
  }
}
"""


def find_lacking(
    webserver: Webserver, specs: Mapping[str, IntegrationSpec | None], *, timeout: float = ANSWER_SECONDS
) -> Mapping[str, str]:
    """Find the integrations whose asset is missing, each with the sentence that says so.

    Dagster says what it found when it loaded the code location. An integration that reads another asset since then is
    left out.

    Args:
        webserver: Dagster's.
        specs: the integrations by slug; None for a broken one.
        timeout: seconds to wait for an answer.

    Raises:
        ServiceUnavailable: it does not answer.
    """
    reading = {slug: spec for slug, spec in specs.items() if spec and spec.source}
    if not reading:
        return {}
    keys = [{"path": update_set_key(slug).path} for slug in reading]
    nodes = webserver.execute(SOURCES, {"keys": keys}, timeout=timeout)["assetNodes"]
    found: dict[str, str] = {}
    for node in nodes:
        slug = node["assetKey"]["path"][0]
        problem = next((entry.get("text") for entry in node["metadataEntries"] if entry["label"] == PROBLEM), None)
        if problem and {"path": input_key(reading[slug]).path} in node["dependencyKeys"]:
            found[slug] = problem
    return found

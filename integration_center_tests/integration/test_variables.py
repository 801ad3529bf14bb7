"""Variables of the environment in an integration."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from integration_center.errors import ConfigurationError
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.parsing import parse_integration
from integration_center.integration_files.yaml_edit import edit

TEXT = """\
type: integration_center.Integration
attributes:
  name: Logins of {{ env.REGION }}
  account: "{{ env.REGION }}-prod"  # by region
  report: Logins
  object: Lead
  keys:
    - {column: "{{ env.REGION }}", field: Email}
  fields:
    - {column: Last, field: Last__c}
  tags: {region: "{{env.REGION}}"}
  owners: ["team:{{ env.REGION }}"]
  op_tags: {dagster-k8s/config: {pod_spec_config: {node_selector: {zone: "{{ env.REGION }}"}}}}
"""


def test_variables_are_read_where_a_value_is_no_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "emea")
    spec = parse_integration(TEXT).spec
    assert spec.environment == "emea-prod"
    assert (spec.tags, spec.owners) == ({"region": "emea"}, ("team:emea",))
    assert spec.op_tags["dagster-k8s/config"]["pod_spec_config"]["node_selector"] == {"zone": "emea"}
    assert (spec.keys[0].column, spec.name) == ("{{ env.REGION }}", "Logins of {{ env.REGION }}")


def test_an_edit_keeps_the_variables_of_what_it_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "emea")
    spec = parse_integration(TEXT).spec
    edited = edit(TEXT, spec, spec.model_copy(update={"enabled": False}))
    assert 'account: "{{ env.REGION }}-prod"  # by region' in edited
    assert edited.count("env.REGION") == TEXT.count("env.REGION")
    assert parse_integration(edited).spec.enabled is False


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGION", raising=False)
    with pytest.raises(ConfigurationError, match=r"account: the variable REGION is not set; set it for each process"):
        parse_integration(TEXT)


@pytest.mark.parametrize(
    "name",
    ["INTEGRATION_CENTER_SECRET_KEY", "SALESFORCE_SANDBOX_CLIENT_SECRET", "DATABASE_URL", "PGPASSWORD", "api_token"],
)
def test_a_secret_is_never_put_into_an_integration(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(ConfigurationError, match=f"the variable {name} may hold a secret") as refused:
        parse_integration(TEXT.replace("{{env.REGION}}", "{{ env." + name + " }}").replace("env.REGION", "env.HOME"))
    assert "hunter2" not in str(refused.value)


def test_the_schema_for_editors_takes_variables() -> None:
    attributes: dict[str, Any] = {
        "name": "Logins",
        "report": "Logins",
        "object": "Lead",
        "keys": [{"column": "User ID", "field": "Email"}],
        "fields": [{"column": "Last", "field": "Last__c"}],
    }
    schema = Draft202012Validator(IntegrationSpec.model_json_schema())
    for given in ({"environment": "{{ env.TARGET }}"}, {"account": "{{ env.TARGET }}"}, {"environment": "sandbox"}):
        assert schema.is_valid({**attributes, **given}), given
    assert not schema.is_valid({**attributes, "environment": "sandbx"})
    with pytest.raises(ValidationError, match="TARGET is not set"):
        IntegrationSpec.model_validate({**attributes, "environment": "{{ env.TARGET }}"})

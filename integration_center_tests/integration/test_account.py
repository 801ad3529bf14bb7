"""How an integration names its account."""

import copy
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from integration_center.integration.environment import Environment
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.parsing import parse_integration
from integration_center.integration_files.yaml_edit import edit, write_new
from integration_center_tests.proofs import examples

SPEC: dict[str, Any] = {
    "name": "Logins",
    "report": "Logins",
    "object": "Lead",
    "keys": [{"column": "User ID", "field": "Email"}],
    "fields": [{"column": "Last", "field": "Last__c"}],
}

WORDS = st.text("ab1", min_size=1, max_size=3)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(lambda words: "-".join(("a", *words)))


def build(**changes: Any) -> IntegrationSpec:
    return IntegrationSpec.model_validate({**SPEC, **changes})


@examples(25)
@given(NAMES)
def test_a_name_stays_the_same_object_on_every_way(name: str) -> None:
    spec = build(account=name)
    assert spec.environment is Environment(name) is pickle.loads(pickle.dumps(spec.environment))
    assert copy.deepcopy(spec) == spec == IntegrationSpec.model_validate(spec.model_dump(exclude_unset=True))
    assert IntegrationSpec.model_validate_json(spec.model_dump_json()) == spec
    assert parse_integration(write_new(spec)).spec == spec


@given(st.sets(NAMES, min_size=2, max_size=6))
def test_two_names_never_become_the_same_job_or_variable(names: set[str]) -> None:
    made = [Environment(name) for name in names]
    assert len({each.identifier for each in made}) == len({each.name for each in made}) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", each.identifier) for each in made)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"environment": "sandbx"}, "neither 'sandbox' nor 'production'"),
        ({"environment": "emea-prod"}, "account: emea-prod"),
        ({"environment": "sandbox", "account": "emea-prod"}, "give one of them"),
        ({"environment": "sandbox", "account": "production"}, "give one of them"),
        ({"account": "EMEA Prod"}, "lower-case letters, digits and single hyphens"),
        ({"account": "emea_prod"}, "lower-case letters, digits and single hyphens"),
        ({"account": "a" * 41}, "at most 40"),
        ({"account": "emea--prod"}, "single hyphens"),
        ({"account": "../x"}, "single hyphens"),
        ({"account": ""}, "single hyphens"),
        ({"account": 7}, "'7': the name of an account has"),
        ({}, "environment"),
    ],
)
def test_a_wrong_account_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        build(**given)


def test_an_account_may_name_the_first_of_its_kind() -> None:
    assert build(account="sandbox") == build(environment="sandbox") == build(environment="sandbox", account="sandbox")
    assert "environment: sandbox" in write_new(build(account="sandbox"))


def test_a_file_changes_its_account_and_keeps_its_comments() -> None:
    before = build(environment="sandbox")
    text = write_new(before).replace("environment: sandbox", "environment: sandbox  # for tests") + "# the end\n"
    after = before.model_copy(update={"environment": Environment("emea-prod")})
    edited = edit(text, before, after)
    assert "account: emea-prod" in edited
    assert "environment:" not in edited
    assert "# the end" in edited
    assert parse_integration(edited).spec == after
    assert parse_integration(edit(edited, after, before)).spec == before

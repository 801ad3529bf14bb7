"""`dg scaffold defs integration_center.Integration NAME`: writes the file of a new integration.

The file loads: what is not given as an option is asked for, or, where nobody can be asked, taken from the example of
the README and switched off.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integration_center.errors import ConfigurationError
from integration_center.integration.mapping import FieldMapping, KeyPair
from integration_center.integration.slugs import check_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.wording.model_refusals import say_refusals

EXAMPLE: Mapping[str, Any] = {
    "environment": "sandbox",
    "report": "Logins",
    "object": "Lead",
    "keys": ["User ID=Email"],
    "fields": ["First Login=WalkMe_First_Login__c"],
}


class ScaffoldParams(BaseModel):
    """What `dg scaffold defs` may be given for the new integration."""

    model_config = ConfigDict(defer_build=True)

    name: str | None = Field(default=None, description="What people call the integration.")
    environment: str | None = Field(default=None, description="`sandbox` or `production`.")
    account: str | None = Field(default=None, description="The name of an account, in place of the environment.")
    report: str | None = Field(default=None, description="The report that is read.")
    asset: str | None = Field(default=None, description="The asset that is read instead of a report, with slashes.")
    object: str | None = Field(default=None, description="The API name of the Salesforce object.")
    keys: list[str] = Field(default_factory=list, description='Pairs such as "User ID=Email": column=field.')
    fields: list[str] = Field(
        default_factory=list, description='Pairs such as "First Login=WalkMe_First_Login__c": column=field.'
    )


class IntegrationScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes the `defs.yaml` of a new integration."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """The options of the command."""
        return ScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParams]) -> None:
        """Write the file.

        Raises:
            click.ClickException: a name or a pair is none, something is missing, or another format is wanted.
        """
        if request.scaffold_format != "yaml":
            raise click.ClickException("an integration is a YAML file; leave --format out")
        folder = request.target_path
        try:
            slug = check_slug(folder.name)
            given = fill_in(request.params.model_dump(exclude_defaults=True) if request.params else {})
            spec = build_spec(slug, given)
        except (ConfigurationError, ValidationError) as error:
            raise click.ClickException(
                say_refusals(error) if isinstance(error, ValidationError) else str(error)
            ) from None
        from integration_center.integration_files.yaml_edit import write_new  # no run needs its library

        folder.mkdir(parents=True, exist_ok=True)
        (folder / "defs.yaml").write_text(write_new(spec), encoding="utf-8")


def fill_in(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask for what is missing.

    Where nobody can be asked, a file of which nothing is given gets the example's values, and is switched off.

    Raises:
        ConfigurationError: only some of what an integration needs is given.
    """
    if "report" in given and "asset" in given:
        raise ConfigurationError("give --report or --asset, not both")
    replaced = {"report": "asset", "environment": "account"}
    missing = [name for name in EXAMPLE if name not in given and replaced.get(name) not in given]
    if not missing:
        return given
    if sys.stdin.isatty():
        return ask_all(given, missing)
    if given.keys() - {"name"}:
        options = ("--report or --asset" if name == "report" else f"--{name}" for name in missing)
        raise ConfigurationError(f"give these options, too: {', '.join(options)}")
    return {**EXAMPLE, **given, "enabled": False}


def ask_all(given: Mapping[str, Any], missing: Sequence[str]) -> Mapping[str, Any]:
    """Ask for the options that are missing, in their order."""
    answers = dict(given)
    for name in missing:
        if name == "report" and (asset := click.prompt("Asset of yours (empty for a report)", default="").strip()):
            answers["asset"] = asset
        else:
            answers[name] = ask(name)
    return answers


def ask(name: str) -> str | list[str]:
    """Ask for one option; several pairs are given with commas between them."""
    example = EXAMPLE[name]
    if isinstance(example, str):
        return str(click.prompt(name.capitalize(), default=example))
    answer = click.prompt(f"{name.capitalize()}, as column=field, with commas", default=", ".join(example))
    return [pair for pair in str(answer).split(",") if pair.strip()]


def build_spec(slug: str, given: Mapping[str, Any]) -> IntegrationSpec:
    """Build the integration that the options describe.

    Raises:
        ConfigurationError: a pair is none.
        ValidationError: they describe no integration.
    """
    pairs = {"keys": split_pairs(given["keys"]), "fields": split_pairs(given["fields"])}
    others = {name: value for name, value in given.items() if name != "asset"}
    source = {"source": {"asset": given["asset"]}} if "asset" in given else {}
    return IntegrationSpec.model_validate(
        {"name": slug.replace("_", " ").capitalize(), **others, **source}
        | {
            "keys": [KeyPair.model_validate(pair) for pair in pairs["keys"]],
            "fields": [FieldMapping.model_validate(pair) for pair in pairs["fields"]],
        }
    )


def split_pairs(texts: Sequence[str]) -> list[dict[str, str]]:
    """Split pairs of `column=field` at their last `=`: a column may hold one, a field cannot.

    Raises:
        ConfigurationError: a text is no such pair.
    """
    split = [text.rpartition("=") for text in texts]
    if wrong := [text for text, (column, _, field) in zip(texts, split, strict=True) if not (column and field)]:
        raise ConfigurationError(f'{wrong[0]!r} is no pair; write it as "User ID=Email": column=field')
    return [{"column": column.strip(), "field": field.strip()} for column, _, field in split]

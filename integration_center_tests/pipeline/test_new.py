"""`integration-center new`: the wizard in the terminal."""

from collections.abc import Sequence

from typer.testing import CliRunner, Result

from integration_center.cli.verbs import app
from integration_center.errors import NotConnected
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment, WhenAbsent
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, logins


def answer(*lines: str, options: Sequence[str] = ()) -> Result:
    """Run `new` with these answers; an empty one takes the default."""
    return CliRunner().invoke(app, ["new", *options], input="\n".join(lines) + "\n")


def test_the_defaults_make_the_example(center: Center) -> None:
    center.drop([*logins(PLAIN), ("nobody@nowhere.example", None, None, 1)])
    result = answer("", "", "", "", "", "", "", "", "", "", "")
    assert result.exit_code == 0, result.exception
    (spec,) = load_integrations(center.defs).specs.values()
    assert spec.name == "Logins to Lead"
    assert [(pair.column, pair.field) for pair in spec.keys] == [("User ID", "Email")]
    assert [(mapping.column, mapping.field) for mapping in spec.fields] == [
        ("First Login", FIRST),
        ("Last Login", LAST),
        ("# Logins Last 30 Days", COUNT),
    ]
    assert center.run("logins_to_lead").success


def test_answers_that_do_not_fit_are_asked_again(center: Center) -> None:
    center.drop(logins(PLAIN))
    result = answer(
        *("Churn", "logins review", "no such object", "LEAD"),
        *("no column", "user id", "no field", "email", "n"),
        *("Email", "-", "Id", "-", "-", "-"),  # nothing is mapped: asked again
        *("-", COUNT, "walkme first login", FIRST, "-", "-"),
        *("Mine", "nonsense", "30 9 * * *"),
    )
    assert result.exit_code == 0, (result.exception, result.output)
    (spec,) = load_integrations(center.defs).specs.values()
    assert (spec.name, spec.object, spec.schedule) == ("Mine", "Lead", "30 9 * * *")
    assert [(mapping.column, mapping.field) for mapping in spec.fields] == [("First Login", FIRST)]
    for said in (
        "'Churn' is not visible",
        "no object like it",
        "is read-only",
        "cannot hold date and time",
        "used already",
    ):
        assert said in result.output
    assert "Nothing is mapped yet" in result.output


def test_values_a_filter_and_people_who_drop_out(center: Center) -> None:
    center.drop(logins(PLAIN))
    result = answer(
        *("", "", "", "", ""),
        *("y", 'SUM("First Login") > 1', '"User ID" IS NOT NULL'),
        *("-", "nonsense(", "share", "# Logins Last 30 Days", "many", ">= 9", COUNT),
        *("max", "newest", "Last Login", LAST, "-"),
        *("5", "'x' ||", "0", "-", "y"),
        *("", ""),
        options=["--values"],
    )
    assert result.exit_code == 0, (result.exception, result.output)
    (spec,) = load_integrations(center.defs).specs.values()
    assert [(mapping.value, mapping.absent) for mapping in spec.fields] == [
        ('100.0 * SUM(CASE WHEN "# Logins Last 30 Days" >= 9 THEN 1 ELSE 0 END) / COUNT(*)', "0"),
        ('LAST("Last Login")', None),
    ]
    assert (spec.rows, spec.filter) == ("all", '"User ID" IS NOT NULL')
    assert spec.when_absent == WhenAbsent(after=5, then="clear")
    for said in ("it judges each row by itself", "Nothing is mapped yet", "'many' is none", "not closed"):
        assert said in result.output


def test_without_an_account_it_says_how_to_connect(center: Center) -> None:
    with open_installation() as installation:
        installation.accounts.delete(Environment.SANDBOX)
    result = answer("")
    assert isinstance(result.exception, NotConnected)
    assert "integration-center connect sandbox" in str(result.exception)

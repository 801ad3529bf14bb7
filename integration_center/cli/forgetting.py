"""`forget-report` and `forget-person`: delete what is stored of a report's day, or of a person."""

import getpass
from typing import Annotated, Any

import typer

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.output import AsJson, ask, console, print_json
from integration_center.errors import NoDataForDay
from integration_center.insights.catalogue import report_slug
from integration_center.insights.source import parse_day
from integration_center.installation import open_installation
from integration_center.pipeline.administration.person_requests import Held, find_person
from integration_center.pipeline.administration.person_requests import forget_person as forget_person_everywhere
from integration_center.store.ledger_search import read_question
from integration_center.wording.sentences import count


def forget_person(
    who: Annotated[
        str | None,
        typer.Argument(metavar="KEY", help="An e-mail address or other key, an Id or a link. Asked for if absent."),
    ] = None,
    erase: Annotated[bool, typer.Option("--erase", help="Erase it. Without this, it is only listed.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is stored of a person; `--erase` deletes it, and searches again to prove that nothing is left.

    The files that you drop, your integrations and Salesforce itself are not touched: delete the person there first.
    """
    question = read_question(who or ask("E-mail address, key, Id or link"))
    with open_installation() as installation:
        if not erase:
            found = find_person(installation, question)
            print_json(describe_held(found)) if as_json else print_held(found)
            return
        erased = forget_person_everywhere(installation, question, who=getpass.getuser(), where=COMMAND_LINE)
    if as_json:
        print_json({"erased": describe_held(erased.before), "left": describe_held(erased.left)})
    else:
        print_held(erased.before)
        left = (
            f"{count(len(erased.left.files), 'file')} and {count(erased.left.texts, 'text')}"
            if not erased.left.nothing
            else ""
        )
        console.print(
            f"A second search of {count(erased.left.searched, 'file')} found {left or 'nothing'}.", soft_wrap=True
        )
        console.print("What runs wrote to these records can no longer be undone.", soft_wrap=True)
    if not erased.left.nothing:
        raise typer.Exit(1)


def describe_held(held: Held) -> dict[str, Any]:
    """What is held, for programs: numbers, and no value."""
    kinds = [{"kind": kind, "files": files, "rows": rows} for kind, (files, rows) in held.by_kind.items()]
    return {"searched": held.searched, "files": kinds, "texts": held.texts}


def print_held(held: Held) -> None:
    """What is held, for people."""
    keys, records = len(held.person.keys), len(held.person.record_ids)
    console.print(
        f"Searched {count(held.searched, 'file')} for {count(keys, 'key')} and {count(records, 'record')}.",
        soft_wrap=True,
    )
    for kind, (files, rows) in held.by_kind.items():
        console.print(f"{kind}: {count(rows, 'row')} in {count(files, 'file')}")
    if held.texts:
        console.print(f"texts of runs, alerts and drafts: {held.texts:,}")
    if held.nothing:
        console.print("Nothing is stored of this person.")


def forget_report(
    report: Annotated[str, typer.Argument(help="The report's name, as in `log`, or its slug.")],
    day: Annotated[str, typer.Argument(metavar="DAY", help="UTC day, YYYY-MM-DD.")],
) -> None:
    """Delete the stored report of a day. Later reports are no longer compared with it; a run of the day fetches it."""
    try:
        wanted = parse_day(day)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="DAY") from None
    with open_installation() as installation:
        # The rows of a team's own asset are stored under a slug that is no report's name.
        slug = report if installation.reports.newest_day(report) else report_slug(report)
        if not installation.reports.forget(slug, wanted):
            raise NoDataForDay(f"no report {report!r} of {wanted} is stored; nothing was deleted", days=(wanted,))
        installation.audit.record_command(Action.FORGOT_REPORT, detail=f"{slug} of {wanted}")
    console.print(f"The stored report {slug} of {wanted} is deleted.", markup=False)

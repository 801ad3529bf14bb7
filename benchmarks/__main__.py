"""`python -m benchmarks [--rows 10000 100000 1000000]`: prints the tables and keeps them in benchmarks/results.md."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.emulated_org import EmulatorRefused
from benchmarks.launch import LAUNCHES, judge_launches, measure_launches
from benchmarks.rollup import ABOUT, write_rollups
from benchmarks.runner import CONTESTANTS, Result, run_scenario
from benchmarks.tables import build_table, by_day, judge, write_markdown
from benchmarks.whole import SIZES, build_measures_table, build_phases_table, measure_whole, write_whole

RESULTS = Path(__file__).parent / "results.md"
WIDTH = 110


def main() -> int:
    """Runs all; 1 when something that does not depend on the machine is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[10_000, 100_000, 1_000_000],
        help="report rows, several sizes one after another",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the Markdown file to write")
    parser.add_argument("--launches", type=int, default=LAUNCHES, help="launches in the Dagster UI to time")
    parser.add_argument(
        "--rollups", action=argparse.BooleanOptionalAction, default=True, help="whether to measure roll-ups"
    )
    parser.add_argument("--whole", type=int, nargs="*", default=list(SIZES), help="report rows for the whole command")
    parser.add_argument("--wide", type=int, nargs="*", default=[100_000], help="of these, sizes with many columns, too")
    options = parser.parse_args()
    console, progress = Console(), Console(stderr=True, style="dim")
    if not console.is_terminal:
        console.width = WIDTH
    results: list[Result] = []
    try:
        for rows in options.rows:
            for result in run_scenario(rows, tell=progress.print):
                results.append(result)
                if len(results) % len(CONTESTANTS) == 0:
                    console.print(build_table(*by_day(results)[-1]))
                    # At once: a million rows take long, and an interruption must not lose what is measured by then.
                    options.results.write_text(write_markdown(results, judge(results)), encoding="utf-8")
        launched = []
        if options.launches:
            progress.print(f"{options.launches} launches through webserver, queue and daemon")
            launched = [judge_launches(measure_launches(options.launches))]
        if options.rollups:
            progress.print("roll-ups beside the same syncs without them")
        rollups = [table for table, _ in write_rollups()] if options.rollups else []
        commands, measures = measure_whole(options.whole, progress, options.wide) if options.whole else ([], [])
    except EmulatorRefused as refusal:
        console.print(f"{refusal}; choose fewer --rows", style="red")
        return 2
    verdicts = [*judge(results), *launched]
    rolled = ABOUT + "\n".join(rollups) if rollups else ""
    whole = write_whole(commands, measures) if commands else ""
    options.results.write_text(write_markdown(results, verdicts) + whole + rolled, encoding="utf-8")
    if commands:
        console.print(build_phases_table(commands))
        console.print(build_measures_table(measures))
    for verdict in verdicts:
        mark = "[green]met[/]   " if verdict.met else "[red]missed[/]"
        console.print(f"{mark} {verdict.sentence}", highlight=False)
    return 0 if all(verdict.met or not verdict.exact for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

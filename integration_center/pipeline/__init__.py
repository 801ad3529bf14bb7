"""Everything that is Dagster: assets, jobs, schedules and sensors, and how runs are launched and judged."""

import sys

from integration_center.pipeline.late_imports import put_off_imports

if "dagster" in sys.modules:  # a command that needs no Dagster, such as `list`, looks at what needs none here
    put_off_imports()

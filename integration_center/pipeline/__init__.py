"""All that is Dagster: component, loader, assets, schedules, sensors, names, launching."""

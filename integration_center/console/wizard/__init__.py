"""The wizard: environment, report and object, mapping, and the plan before anything is saved or run."""

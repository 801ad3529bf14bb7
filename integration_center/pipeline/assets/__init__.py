"""The assets that a row passes through: report, update set, push."""

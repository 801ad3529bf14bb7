"""Picklist values that several standard objects share."""

from salesforce_emulator.schema.field_kinds import choices

INDUSTRIES = choices(
    *("Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction"),
    *("Consulting", "Education", "Electronics", "Energy", "Engineering", "Finance", "Government", "Healthcare"),
    *("Insurance", "Manufacturing", "Media", "Retail", "Technology", "Telecommunications", "Transportation", "Other"),
)
RATINGS = choices("Hot", "Warm", "Cold")
SALUTATIONS = choices("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")
SOURCES = choices("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
CLEAN_STATUSES = choices(
    *("Matched", "Different", "Acknowledged", "NotFound", "Inactive", "Pending", "SelectMatch", "Skipped")
)
TOP_FEATURES = choices("Dashboards", "Exports", "API", inactive=("Classic Editor",))

"""Tell people what happened: incidents, and the messages about them in Slack, Teams, e-mail, PagerDuty, webhooks."""

"""A local Salesforce org and Insights API over real HTTP on loopback, for the demo, the tests and the benchmark."""

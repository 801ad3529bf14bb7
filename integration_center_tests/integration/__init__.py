"""Tests of the model of integrations."""

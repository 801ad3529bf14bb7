"""What a code location defines: component, loader, what its integrations share."""

"""Send records, and look at them before and after."""

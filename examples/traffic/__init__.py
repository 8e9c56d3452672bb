"""A month of made-up traffic of a European company, and what a change of policy would do to it."""

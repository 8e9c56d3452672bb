"""The demo: a real gateway judges real requests from many places."""

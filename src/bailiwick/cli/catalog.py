"""``bailiwick catalog``: the models, compared with one another too."""

from bailiwick.cli.alternatives import compare_models, gap
from bailiwick.cli.places import catalog_app as app

app.command(name="compare")(compare_models)
app.command(name="gap")(gap)
__all__ = ["app"]

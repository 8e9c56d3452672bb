"""All commands in one place."""

import typer

from bailiwick.cli import (
    accounts,
    audit,
    availability,
    cloud,
    decide,
    locate,
    ownership,
    places,
    policy,
    providers,
    serve,
    watch,
)
from bailiwick.cli import compile as compiling

app = typer.Typer(
    name="bailiwick",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Who may use which AI model from where: one policy file, one decision.",
)
app.command(name="decide")(decide.decide)
app.command(name="explain")(decide.explain_command)
app.add_typer(policy.app, name="policy")
app.command(name="locate")(locate.locate)
app.add_typer(locate.data_app, name="data")
app.command(name="places")(places.places)
app.add_typer(places.catalog_app, name="catalog")
app.add_typer(providers.app, name="providers")
app.command(name="availability")(availability.availability)
app.command(name="serve")(serve.serve)
app.add_typer(accounts.app, name="accounts")
app.add_typer(ownership.app, name="ownership")
app.add_typer(audit.app, name="audit")
cloud.app.command(name="watch")(watch.watch)
app.add_typer(cloud.app, name="cloud")
app.add_typer(compiling.app, name="compile")

"""``callhub doctor``: what is set, what is missing, what can be reached."""

# ruff: noqa: D417 - options that commands share carry their own help

from cyclopts import App

from callhub.cli import out
from callhub.cli.help import examples
from callhub.cli.options import AsJson

app = App(name="doctor", help_epilogue=examples("doctor", "doctor NAME", "doctor --json"))


@app.default
def doctor(*name: str, as_json: AsJson = False) -> int:
    """Check the settings, the ledger and every configured provider; ends with 1 if something is wrong.

    Each configured provider is asked for its newest call, which tells whether it can be reached and
    whether it accepts the key. Nothing is dialled, and no secret is shown.

    Args:
        name: also say how to set up these providers.
    """
    from callhub.cli import doctor_checks, doctor_report  # noqa: PLC0415 - not for help

    with out.patience("asking the vendors", quiet=as_json):
        found = doctor_checks.examine(name)
    doctor_report.show(found, as_json=as_json)
    return 0 if found.well else 1

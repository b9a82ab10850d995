"""``callhub help``: what holds for all commands."""

# ruff: noqa: D417 - options that commands share carry their own help

from typing import Annotated

from cyclopts import App, Parameter

from callhub.cli import out
from callhub.cli.failures import MEANINGS
from callhub.cli.help import examples
from callhub.cli.options import AsJson

app = App(name="help", help_epilogue=examples("help exit-codes", "help json"))

_JSON = """\
With --json a command prints JSON and nothing else on the standard output.

One thing is one object on one line; a list is one such line for each thing, as
it comes. A call has the keys of Call.to_dict(): times in ISO 8601, duration in
seconds. Keys neither go away nor change their meaning within a major version;
new ones may come.

A failure is one line on the standard error:
  {"error": {"type", "message", "dialed", "provider", "code", "fields",
             "call_id", "request_id", "retry_after", "exit_code"}}

  type      the name of the error's class in callhub, UsageError or Interrupted
  dialed    "no": nothing has rung; "maybe": a phone may have rung, or may yet
  code      the vendor's own error code
  fields    what is wrong, by callhub's name of the field
  call_id   the call concerned, for `callhub calls get`"""


@app.default
def help_(
    topic: Annotated[str, Parameter(metavar="TOPIC", choices=("exit-codes", "json"))] = "exit-codes",
    /,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain the exit codes, or the JSON that --json prints.

    Args:
        topic: exit-codes or json.
    """
    if as_json:
        out.print_json({str(int(code)): meaning for code, meaning in MEANINGS.items()})
    elif topic == "json":
        out.say(_JSON)
    else:
        for code, meaning in MEANINGS.items():
            out.say(f"{code:>3}  {meaning}")

"""What a flow can ask of the ledger: each operation is one transaction.

An answer that is a `Denial` says which rule stood in the way; nothing was written then.
"""

from callhub.flows.operations.attempts import (
    Ailing,
    Claim,
    Claimed,
    Denial,
    Release,
    Rule,
    Settle,
)
from callhub.flows.operations.doubts import (
    Bound,
    Doubt,
    FindDoubt,
    LeaveToPerson,
    Retake,
    Unsettled,
)
from callhub.flows.operations.intents import (
    FindById,
    FindByKey,
    FindByVendor,
    Happened,
    History,
    Observe,
    OpenCalls,
    Record,
    Standing,
    Story,
)
from callhub.flows.operations.people import (
    DropContact,
    Entry,
    FindContact,
    FindLinked,
    FindSuppressed,
    Linked,
    ListSuppressed,
    PageOfBook,
    SaveContact,
    Suppress,
    Unsuppress,
)

__all__ = [
    "Ailing",
    "Bound",
    "Claim",
    "Claimed",
    "Denial",
    "Doubt",
    "DropContact",
    "Entry",
    "FindById",
    "FindByKey",
    "FindByVendor",
    "FindContact",
    "FindDoubt",
    "FindLinked",
    "FindSuppressed",
    "Happened",
    "History",
    "LeaveToPerson",
    "Linked",
    "ListSuppressed",
    "Observe",
    "OpenCalls",
    "PageOfBook",
    "Record",
    "Release",
    "Retake",
    "Rule",
    "SaveContact",
    "Settle",
    "Standing",
    "Story",
    "Suppress",
    "Unsettled",
    "Unsuppress",
]

"""ErzyCall as an emulator: what its pages document, and a written choice wherever they are silent.

Choices where the vendor's rule is UNKNOWN. A client may rely on none of them:

======================  ===============================================================================
keys                    all belong to one organization, live and test alike; 401s count in no window
rate-limit headers      tell of the window with fewer requests left; a 429 counts in no window
order of checks         key, rate limit, path, scope, stored answer, JSON, fields, then the rest
stored answers          only 2xx; per organization; the body compared byte by byte; an empty key is
                        none; kept forever unless ``keeps_keys`` says how many seconds
undocumented fields     VALIDATION_ERROR, in a body and in a query
null                    VALIDATION_ERROR, also for an optional field
content-type            not looked at
ids                     letters, digits, ``_`` and ``-``, at most 64; anything else is INVALID_ID
lists                   newest first; a page's cursor is never empty; it fits any filter; a ``limit``
                        out of its bounds is a VALIDATION_ERROR
``from``/``to``         compared with the instant of creation, bounds excluded; need ``Z`` or an offset
``scheduledAt``         needs ``Z`` or an offset; the past is a VALIDATION_ERROR, but for the instant in
                        the vendor's own example, which then fires at once
``variableValues``      any JSON values
dialling                the phone rings when the call turns ``processing``, ``pickup`` seconds after its
                        creation or at ``scheduledAt``; an unanswered call has ``duration`` 0
``rich=True``           adds endedReason, startedAt and scheduledAt, known from the hosted endpoint only
FAILS                   status ``error``, nothing rings
OPTS_OUT                from the end of that call on: 403 CONTACT_OPTED_OUT for the number, and what is
                        open already becomes ``ended`` without a ring
contacts                search is a part of the name or number in any case; a phone may stand once, also
                        on PATCH, but contact_456 doesn't count, so that the documented create works
email                   something on both sides of one ``@``
groupIds                any strings
examples                calls, cases, contacts, assistants, webhooks and the WhatsApp account of the documents
                        stand ready; what is deleted of them is gone, and abc123 can't be cancelled,
                        since it has ended
webhooks                only the eight listed events; PATCH answers 200 with the object, DELETE 204
other methods           404 NOT_FOUND
======================  ===============================================================================

501 NOT_EMULATED, a code that the vendor doesn't have: phone numbers, contact groups, the undocumented
rest of assistants, webhooks and WhatsApp, and several ``tags`` at once (AND or OR?).

Ids count up after a prefix made of the instant at which the sandbox began, so that a sandbox
started anew doesn't give an old id again.
"""

from callhub_erzycall.sandbox.vendor import ErzyCallSandbox

__all__ = ["ErzyCallSandbox"]

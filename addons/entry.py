"""mitmdump -s addons/entry.py: the addons, in the order in which a request meets them. Wiring only.

mitmproxy watches this file and loads it again when it changes; everything else stays as it was imported.
"""

from mitmvault.addons.answer_view import AnswerView
from mitmvault.addons.answers import Answers
from mitmvault.addons.bodies import Bodies
from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.commands import Commands
from mitmvault.addons.control import Control
from mitmvault.addons.counting import Counter
from mitmvault.addons.dashboard import Ui
from mitmvault.addons.embedded import Embedded
from mitmvault.addons.endings import Endings
from mitmvault.addons.gate import Gate
from mitmvault.addons.journal import Journal
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.metrics import Metrics
from mitmvault.addons.observer import Observer
from mitmvault.addons.posture import Posture
from mitmvault.addons.presence import Presence
from mitmvault.addons.request_log import RequestLog
from mitmvault.addons.rewrite import Rewrite
from mitmvault.addons.switchboard import Switchboard
from mitmvault.addons.traces import Traces
from mitmvault.addons.tunnels import Tunnels
from mitmvault.addons.vault_api import VaultApi
from mitmvault.addons.websockets import WebSockets

_keeper = Keeper()
_tunnels = Tunnels(_keeper)
_gate = Gate(_keeper, _tunnels)
_counter, _journal = Counter(), Journal()
_bookkeeper = Bookkeeper(_keeper, _tunnels)
_endings = Endings(_counter.ended, _journal.ended, books=_bookkeeper.ended)
_observer = Observer(_keeper, _bookkeeper, _endings)
_control = Control(_keeper, {"status": _observer.status, "explain": _observer.explain})

addons = [
    Posture(),  # mitmproxy's options, in a safe state
    Embedded(_keeper),  # the demo provider, ready before the first world
    VaultApi(_keeper),  # the vault's own requests, kept out of the flows
    Ui(_keeper, _observer),  # the dashboard's requests, as well
    _keeper,  # vault, users, settings: the world of this moment
    _tunnels,  # CONNECT and TLS: decrypt providers, tunnel or refuse the rest
    _gate,  # authenticate, route, redact, permit
    Answers(),  # stream the answer
    _counter,  # its tokens, from a copy
    Bodies(_keeper),  # and a copy for people, where that is wanted
    WebSockets(),  # messages within the user's scope
    _endings,  # it has come to its end: one line about it
    _bookkeeper,  # and one row of the ledger
    Metrics(_keeper, _bookkeeper, _endings, _gate.pages),  # and what is counted of it
    Traces(_keeper, _endings),  # and told to OpenTelemetry, if that is wanted
    Rewrite(_observer),  # for people who look at a flow
    AnswerView(),  # and at what came back
    Commands(_keeper, _observer),  # and type into its command line
    RequestLog(_endings),  # and its line, where lines are JSON
    Switchboard(),  # everything is ready, requests may leave
    _control,  # the owner's questions
    Presence(_keeper, _control),  # and say so
]

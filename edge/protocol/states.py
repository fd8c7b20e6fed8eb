"""The state table of the Upper Layer as data (PS3.8 9.2, Tables 9-3 to 9-10).

`TABLE[(event, state)]` names the action and the state that follows. Two actions choose between two states by what they
find (AE-6, AR-8); for them the table names the first, and the association the other. What is not in the table cannot
happen: an event of our own user there is an error of ours.
"""

# States
IDLE = 1  # Sta1, no association
AWAIT_ASSOCIATE_RQ = 2  # Sta2, transport open, awaiting A-ASSOCIATE-RQ
AWAIT_LOCAL_ASSOCIATE = 3  # Sta3, awaiting the local A-ASSOCIATE response
AWAIT_TRANSPORT = 4  # Sta4, awaiting the transport connection
AWAIT_ASSOCIATE_AC = 5  # Sta5, awaiting A-ASSOCIATE-AC or -RJ
DATA_TRANSFER = 6  # Sta6, association established
AWAIT_RELEASE_RP = 7  # Sta7, awaiting A-RELEASE-RP
AWAIT_LOCAL_RELEASE = 8  # Sta8, awaiting the local A-RELEASE response
COLLISION_REQUESTOR = 9  # Sta9, collision, requestor: awaiting the local A-RELEASE response
COLLISION_ACCEPTOR = 10  # Sta10, collision, acceptor: awaiting A-RELEASE-RP
COLLISION_REQUESTOR_RP = 11  # Sta11, collision, requestor: awaiting A-RELEASE-RP
COLLISION_ACCEPTOR_LOCAL = 12  # Sta12, collision, acceptor: awaiting the local A-RELEASE response
AWAIT_CLOSE = 13  # Sta13, awaiting the close of the transport connection

# Events
EVT_ASSOCIATE_REQUEST = 1  # local A-ASSOCIATE request
EVT_TRANSPORT_CONFIRM = 2
EVT_ASSOCIATE_AC = 3  # PDU received
EVT_ASSOCIATE_RJ = 4  # PDU received
EVT_TRANSPORT_INDICATION = 5
EVT_ASSOCIATE_RQ = 6  # PDU received
EVT_ASSOCIATE_ACCEPT = 7  # local A-ASSOCIATE response (accept)
EVT_ASSOCIATE_REJECT = 8  # local A-ASSOCIATE response (reject)
EVT_DATA_REQUEST = 9  # local P-DATA request
EVT_P_DATA_TF = 10  # PDU received
EVT_RELEASE_REQUEST = 11  # local A-RELEASE request
EVT_RELEASE_RQ = 12  # PDU received
EVT_RELEASE_RP = 13  # PDU received
EVT_RELEASE_RESPONSE = 14  # local A-RELEASE response
EVT_ABORT_REQUEST = 15  # local A-ABORT request
EVT_ABORT = 16  # PDU received
EVT_TRANSPORT_CLOSED = 17
EVT_ARTIM_EXPIRED = 18
EVT_INVALID_PDU = 19

# One row an event: (event, ((states...), action, next state), ...)
_ESTABLISHED = (6, 7, 8, 9, 10, 11, 12)
_ROWS = (
    (EVT_ASSOCIATE_REQUEST, ((1,), "AE-1", 4)),
    (EVT_TRANSPORT_CONFIRM, ((4,), "AE-2", 5)),
    (EVT_ASSOCIATE_AC, ((2,), "AA-1", 13), ((3,) + _ESTABLISHED, "AA-8", 13), ((5,), "AE-3", 6), ((13,), "AA-6", 13)),
    (EVT_ASSOCIATE_RJ, ((2,), "AA-1", 13), ((3,) + _ESTABLISHED, "AA-8", 13), ((5,), "AE-4", 1), ((13,), "AA-6", 13)),
    (EVT_TRANSPORT_INDICATION, ((1,), "AE-5", 2)),
    (EVT_ASSOCIATE_RQ, ((2,), "AE-6", 3), ((3, 5) + _ESTABLISHED, "AA-8", 13), ((13,), "AA-7", 13)),
    (EVT_ASSOCIATE_ACCEPT, ((3,), "AE-7", 6)),
    (EVT_ASSOCIATE_REJECT, ((3,), "AE-8", 13)),
    (EVT_DATA_REQUEST, ((6,), "DT-1", 6), ((8,), "AR-7", 8)),
    (
        EVT_P_DATA_TF,
        ((2,), "AA-1", 13),
        ((6,), "DT-2", 6),
        ((7,), "AR-6", 7),
        ((3, 5, 8, 9, 10, 11, 12), "AA-8", 13),
        ((13,), "AA-6", 13),
    ),
    (EVT_RELEASE_REQUEST, ((6,), "AR-1", 7)),
    (
        EVT_RELEASE_RQ,
        ((2,), "AA-1", 13),
        ((6,), "AR-2", 8),
        ((7,), "AR-8", 9),
        ((3, 5, 8, 9, 10, 11, 12), "AA-8", 13),
        ((13,), "AA-6", 13),
    ),
    (
        EVT_RELEASE_RP,
        ((2,), "AA-1", 13),
        ((7, 11), "AR-3", 1),
        ((10,), "AR-10", 12),
        ((3, 5, 6, 8, 9, 12), "AA-8", 13),
        ((13,), "AA-6", 13),
    ),
    (EVT_RELEASE_RESPONSE, ((8, 12), "AR-4", 13), ((9,), "AR-9", 11)),
    (EVT_ABORT_REQUEST, ((4,), "AA-2", 1), ((3, 5) + _ESTABLISHED, "AA-1", 13)),
    (EVT_ABORT, ((2, 13), "AA-2", 1), ((3, 5) + _ESTABLISHED, "AA-3", 1)),
    (EVT_TRANSPORT_CLOSED, ((2,), "AA-5", 1), ((3, 4, 5) + _ESTABLISHED, "AA-4", 1), ((13,), "AR-5", 1)),
    (EVT_ARTIM_EXPIRED, ((2, 13), "AA-2", 1)),
    (EVT_INVALID_PDU, ((2,), "AA-1", 13), ((3, 5) + _ESTABLISHED, "AA-8", 13), ((13,), "AA-7", 13)),
)

TABLE = {}
for _row in _ROWS:
    for _states, _action, _following in _row[1:]:
        _step = (_action, _following)  # one for all of these states: a microcontroller has no room for many
        for _state in _states:
            TABLE[(_row[0], _state)] = _step

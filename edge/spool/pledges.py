"""Applies the journal's lines about storage commitment to the tables of the index.

A job is sent, and stays so until its destination commits to it. "asked" says that commitment is asked for, of which
jobs and in which transaction, and is written before anybody is asked; "unasked" takes it back when that failed.
"committed" says for which of them the answer has come, and which are delivered by it; "uncommitted", which jobs are to
be sent again, or held. "transaction" is what compaction writes of one that lives.

An answer may come late, when the same was asked in another transaction or the object is being sent again, and more than
once: therefore a transaction is known for a month without its answer, and for a day after it.
"""

from edge.spool.tables import DELIVERED, HELD, SENT, STATES

_UNANSWERED_S = 30 * 86400
_ANSWERED_S = 86400
_AT_ONCE = 50  # transactions that are forgotten with one line

_OF_JOB = " WHERE object = ? AND destination = ?"


def sent(ledger, number, destination, sent_as):
    """Count one more sending of a job that nobody has committed to; `sent_as`: another UID that it went under."""
    ledger.execute(
        "UPDATE jobs SET sends = sends + 1, asks = 0, sent_as = ?" + _OF_JOB, (sent_as, number, destination)
    )


def begin_again(ledger, number, destination):
    """Forget how often a job was sent: a person lets it go again."""
    ledger.execute("UPDATE jobs SET sends = 0, asks = 0, sent_as = NULL" + _OF_JOB, (number, destination))


def _open(ledger, uid, destination, asked, answered, numbers):
    """Put in a transaction that is not known; say whether it was not."""
    row = ledger.execute("SELECT id FROM transactions WHERE uid = ?", (uid,)).fetchone()
    if row is not None:
        return False
    made = ledger.execute(
        "INSERT INTO transactions(uid, destination, asked, answered) VALUES(?, ?, ?, ?)",
        (uid, destination, asked, answered),
    ).lastrowid
    for number in numbers:
        ledger.execute("INSERT OR IGNORE INTO members VALUES(?, ?)", (made, number))
    return True


def _asked(ledger, record):
    destination = ledger.destination(record["to"])
    _open(ledger, record["transaction"], destination, record["at"], None, record["ids"])
    for number in record["ids"]:
        ledger.execute(
            "UPDATE jobs SET asks = asks + 1, since = ?, cause = ?" + _OF_JOB + " AND state = ?",
            (record["at"], record["transaction"], number, destination, SENT),
        )
    _forget(ledger, record["at"])


def _unasked(ledger, record):
    """Let the jobs of a transaction wait as before; forget it, unless it may be answered all the same."""
    destination = ledger.destination(record["to"])
    for number in record["ids"]:
        ledger.execute(
            "UPDATE jobs SET asks = asks - ?, since = ?, cause = NULL" + _OF_JOB + " AND state = ? AND cause = ?",
            (record["asks"], record["since"], number, destination, SENT, record["transaction"]),
        )
    if not record["may_answer"]:
        _close(ledger, "uid = ?", (record["transaction"],))


def _committed(ledger, record):
    destination, at = ledger.destination(record["to"]), record["at"]
    for number in record["ids"]:
        row = ledger.state_of(number, destination)
        if row is None or row[0] == DELIVERED:
            continue
        sends, cause = ledger.execute("SELECT sends, cause FROM jobs" + _OF_JOB, (number, destination)).fetchone()
        if not sends or row[0] == HELD and cause == row[2]:
            continue  # a person has let it go again since, or its object is held as a whole
        ledger.execute(
            "UPDATE jobs SET state = ?, due = 0, since = ?, cause = NULL, why = NULL" + _OF_JOB,
            (DELIVERED, at, number, destination),
        )
        ledger.enter(number, destination, row, DELIVERED, at)
    row = ledger.execute("SELECT id FROM transactions WHERE uid = ?", (record["transaction"],)).fetchone()
    if row is not None:
        for number in record["ids"] + record["failed"]:
            ledger.execute("DELETE FROM members WHERE ask = ? AND object = ?", (row[0], number))
        if ledger.execute("SELECT 1 FROM members WHERE ask = ? LIMIT 1", row).fetchone() is None:
            ledger.execute("UPDATE transactions SET answered = ? WHERE id = ? AND answered IS NULL", (at, row[0]))


def _uncommitted(ledger, record):
    """Send jobs again or hold them; those of an object that is held as a whole are held with it."""
    destination = ledger.destination(record["to"])
    for number in record["ids"]:
        row = ledger.state_of(number, destination)
        if row is not None and row[0] == SENT:
            hold = row[2]
            state = STATES[record["state"]] if hold is None else HELD
            ledger.execute(
                "UPDATE jobs SET state = ?, due = ?, since = ?, cause = ?, why = ?" + _OF_JOB,
                (state, record["due"], record["at"], hold or record["cause"], record["why"], number, destination),
            )
            ledger.enter(number, destination, row, state, record["at"])


def _transaction(ledger, record):
    """Put in what is known of a transaction, unless its own line has told it (see compaction)."""
    destination = ledger.destination(record["to"])
    _open(ledger, record["transaction"], destination, record["at"], record["answered"], record["ids"])


def _forget(ledger, now):
    """Forget the oldest transactions of those whose answer cannot matter any more."""
    where = "asked < ? OR asked < ? AND answered < ? ORDER BY asked LIMIT %d" % _AT_ONCE
    _close(ledger, where, (now - _UNANSWERED_S, now - _ANSWERED_S, now - _ANSWERED_S))


def _close(ledger, where, arguments):
    for row in ledger.execute("SELECT id FROM transactions WHERE " + where, arguments).fetchall():
        ledger.execute("DELETE FROM members WHERE ask = ?", row)
        ledger.execute("DELETE FROM transactions WHERE id = ?", row)


APPLY = {
    "asked": _asked,
    "unasked": _unasked,
    "committed": _committed,
    "uncommitted": _uncommitted,
    "transaction": _transaction,
}


def records(rows, uids):
    """Return for each of these transactions that is known the record of a "transaction" line.

    rows: function of a question and its arguments, the rows that answer it.
    """
    found = []
    for uid in uids:
        for number, destination, asked, answered in rows(
            "SELECT t.id, d.name, t.asked, t.answered FROM transactions t JOIN destinations d ON d.id = t.destination"
            " WHERE t.uid = ?", (uid,)
        ):  # fmt: skip
            members = [row[0] for row in rows("SELECT object FROM members WHERE ask = ?", (number,))]
            found.append({"transaction": uid, "to": destination, "at": asked, "answered": answered, "ids": members})
    return found

"""The backup of the whole configuration, sealed under a passphrase, and the way back."""

from edge.web import page, settings, words
from edge.web.markup import el, join


def render(ask, request):
    """Return the page of backup, restore and setup files."""
    return join(
        page.card(
            "Backup",
            el("p", "The whole configuration in one file, with its files and the users, sealed under a passphrase. "
               "Without the passphrase the file cannot be restored: keep both."),
            page.form(
                request,
                "/backup/write",
                page.field("Passphrase", "passphrase", type="password", required=True, minlength=8,
                           autocomplete="new-password", hint="At least 8 characters."),
                page.button("Download the backup"),
            ),
            class_="for-engineer",
        ),
        page.card(
            "Restore",
            el("p", "The configuration of the file takes the place of the one there is, on trial first."),
            page.form(
                request,
                "/backup/restore",
                page.field("Backup file", "file", type="file", required=True),
                el("div", el("label", "Its passphrase", for_="f-restore"), el("input", id="f-restore", type="password",
                   name="passphrase", required=True, autocomplete="off"), class_="field"),
                el("p", el("label", el("input", type="checkbox", name="users", value="1"),
                   " Take the users of the backup too: to keep the change, log in as one of them")),
                page.button("Restore"),
                upload=True,
            ),
            class_="for-engineer",
        ),
        page.card("Setup files on sticks", _setups(ask, request), class_="for-engineer"),
    )  # fmt: skip


_KINDS = {"taken": "ok", "on trial": "warn", "waiting": "warn", "refused": "bad"}


def _setups(ask, request):
    rows, found = ask("setups")
    lines = [(each["folder"], page.state(_KINDS[each["state"]], each["state"]), each["words"],
              words.instant(each["at"])) for each in rows]  # fmt: skip
    looked = "There is none below %s. `edge setup-file` makes one." % " or ".join(found["folders"])
    waiting = [each["folder"] for each in rows if each["state"] != "taken"]
    return join(
        page.table("Setup files", ("Stick", "", "What became of it", "When"), lines, looked),
        [_take(request, folder) for folder in waiting],
    )


def _take(request, folder):
    return page.form(
        request,
        "/backup/setup",
        el("input", type="hidden", name="folder", value=folder),
        page.field("Passphrase of the one in %s" % folder, "passphrase", type="password", required=True,
                   autocomplete="off", of=folder),
        page.button("Take it"),
    )  # fmt: skip


NEEDS = ("backup", "restore-backup", "setups", "take-setup")
PAGES = (page.Page("/backup", "Backup", "engineer", render, page.KEEP),)
ACTIONS = (
    page.Action(
        "/backup/write",
        "backup",
        page.asked("passphrase"),
        None,
        lambda form, done: "/backup",
        download="edge-backup.sealed",
    ),
    page.Action(
        "/backup/restore",
        "restore-backup",
        page.asked("passphrase", truths=("users",)),
        lambda form, done: "\n".join([settings.said_of_change(form, done), *done["notes"]]),
        lambda form, done: settings.after_change(form, done) if done is not None else "/backup",
        upload="file",
    ),
    page.Action(
        "/backup/setup",
        "take-setup",
        page.asked("folder", "passphrase"),
        lambda form, done: "\n".join([settings.said_of_change(form, done), *done["notes"]]),
        lambda form, done: settings.after_change(form, done) if done is not None else "/backup",
    ),
)
LIVE = ()

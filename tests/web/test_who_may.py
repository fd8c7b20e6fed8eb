"""Who is let in to the console, and what everybody else is told; asked by curl."""

import json
import re
import ssl
import subprocess
import time

import pytest

from tests.support import service
from tests.support.console import NAME, PASSWORD, Console
from tests.support.process import wait_until

FORM = ("--header", "Content-Type: application/x-www-form-urlencoded", "--data", "name=x")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A box that nobody has claimed."""
    with Console(tmp_path_factory.mktemp("fresh")) as console:
        yield console


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """A box that anna has claimed, who is logged in."""
    with Console(tmp_path_factory.mktemp("claimed")) as made:
        assert made.claim().status == 303
        yield made


# --- before it is claimed


@pytest.mark.parametrize("path", ["/", "/queue", "/people", "/login", "/metrics", "/live/home", "/nothing/here"])
def test_an_unclaimed_box_shows_nothing_and_says_how_it_is_claimed(fresh, path):
    answer = fresh.get(path, jar=False)
    assert answer.status == 403
    assert "Nobody has claimed this box" in answer.text and "serial line" in answer.text


def test_an_unclaimed_box_does_nothing_for_a_program_either(fresh):
    answer = fresh.ask("status", token="edge_anything")
    assert answer.status == 403 and "Nobody has claimed this box" in answer.json["failed"]


def test_an_unclaimed_box_is_not_claimed_with_another_code(fresh):
    answer = fresh.post("/claim", {"code": "AAAAA-AAAAA", "name": "eve", "password": PASSWORD, "again": PASSWORD})
    assert answer.status == 403 and "not the code" in answer.text
    assert fresh.get("/").status == 403


def test_an_unclaimed_box_is_not_claimed_by_a_foreign_page(fresh):
    form = {"code": fresh.code, "name": "eve", "password": PASSWORD, "again": PASSWORD}
    answer = fresh.post("/claim", form, "--header", "Origin: https://evil.example", origin=False)
    assert answer.status == 403 and "another site" in answer.text and 'href="/claim"' not in answer.text
    assert not (fresh.box.state_dir / "console" / "users.json").exists()


def test_the_code_stands_in_no_log_and_on_no_output_but_a_terminals(fresh):
    said = fresh.box.log() + fresh.box.output()
    code = fresh.code.strip()
    assert "console" in said and code not in said and code.replace("-", "") not in said


def test_the_code_stands_on_the_terminal_that_the_box_was_started_on(tmp_path):
    made = Console(tmp_path)
    made.box.write_config()
    command = f"{service.EDGE} serve"
    shown = tmp_path / "terminal"
    running = subprocess.Popen(
        ["script", "--quiet", "--flush", "--command", f"{command} --config {made.box.config_path}", str(shown)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: shown.exists() and b"claim it with the code" in shown.read_bytes(), 20, "the code")
        assert made.code.strip() in shown.read_text(encoding="utf-8")
    finally:
        running.terminate()
        running.wait(20)


# --- once it is claimed


def test_who_has_claimed_the_box_is_logged_in_as_engineer(console):
    answer = console.get("/people")
    assert answer.status == 200 and NAME in answer.text and "engineer" in answer.text


def test_a_box_is_claimed_once(console):
    assert console.get("/claim", jar=False).status == 403
    answer = console.post("/claim", {"code": "x", "name": "eve"}, csrf="/login", jar=False)
    assert answer.status == 403


@pytest.mark.parametrize("path", ["/", "/queue", "/people", "/nothing/here"])
def test_a_stranger_is_led_to_the_login(console, path):
    answer = console.get(path, jar=False)
    assert answer.status == 303 and answer.field("location").startswith("/login")


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/openapi.json", "/live/home", "/metrics"])
def test_a_stranger_who_is_a_program_is_refused(console, path):
    answer = console.get(path, jar=False)
    assert answer.status == 401 and answer.field("www-authenticate") == "Bearer"


def test_a_wrong_password_is_refused_and_says_no_more(console):
    known = console.post("/login", {"name": NAME, "password": "wrong again"}, jar=False)
    assert known.status == 403  # without cookies the form has no mark
    jar = console.box.folder / "other.txt"
    first = console.curl("/login", "--cookie-jar", str(jar), jar=False)
    token = re.search(r'name="csrf" value="([^"]+)"', first.text).group(1)
    for name in (NAME, "nobody"):
        data = ("--cookie", str(jar), "--data", f"csrf={token}&name={name}&password=wrong+again")
        answer = console.curl("/login", *data, jar=False)
        assert answer.status == 403 and "Name or password is wrong" in answer.text


def test_a_login_leads_only_to_our_own_pages(console):
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        console.post("/logout", {}, csrf="/people")
        answer = console.post("/login", {"name": NAME, "password": PASSWORD, "next": target})
        assert answer.status == 303 and answer.field("location") == "/"


def test_a_cookie_is_for_this_box_alone(console):
    console.post("/logout", {}, csrf="/people")
    cookie = console.login().field("set-cookie")
    assert cookie.startswith("__Host-edge=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= {each.strip() for each in cookie.split(";")}


def test_who_has_logged_out_is_out_with_the_same_cookie(console):
    kept = console.jar.read_text(encoding="ascii")
    assert console.post("/logout", {}, csrf="/people").status == 303
    console.jar.write_text(kept, encoding="ascii")
    assert console.get("/").status == 303
    console.login()


@pytest.mark.parametrize("case", ["long", "odd"])
def test_what_is_not_read_on_is_said_to_a_browser_on_a_page_and_to_a_program_as_json(console, case, tmp_path):
    if case == "long":
        (tmp_path / "long").write_bytes(bytes(17 << 10))
        options, status, words = ("--data-binary", f"@{tmp_path / 'long'}"), 413, "The body is longer than what is"
    else:
        options, status, words = (), 400, "The arguments behind the ? cannot be read"
    html = ("--header", "Accept: text/html,application/xhtml+xml,*/*;q=0.8", *options)
    page = console.get("/login?x=%ff" if case == "odd" else "/login", *html, jar=False)
    assert page.status == status and words in page.text and page.text.startswith("<!")
    assert page.field("content-security-policy").startswith("default-src 'none'")
    told = console.get("/api/v1/status?x=%ff" if case == "odd" else "/api/v1/status", *html, jar=False)
    assert told.status == status and words.lower() in told.json["failed"].lower()


# --- DNS rebinding, foreign pages, forms


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "10.255.255.254", "[::2]", "a b", ":"])
def test_a_foreign_name_for_the_box_is_not_answered(console, host):
    answer = console.get("/login", "--header", "Host: " + host.format(port=console.port), jar=False)
    assert answer.status == 403 and "not called that" in answer.text
    assert not re.search(r'<main.*href=', answer.text, re.DOTALL), "it links to what is refused in the same way"


def test_the_box_answers_to_localhost_and_its_own_name(console):
    name = subprocess.run(["hostname"], capture_output=True, text=True).stdout.strip()
    for host in ("localhost", f"localhost:{console.port}", name.upper(), name + "."):
        assert console.get("/login", "--header", f"Host: {host}", jar=False).status == 200, host


@pytest.mark.parametrize(
    "fields",
    [
        ["Origin: https://evil.example"],
        ["Origin: null"],
        ["Origin: http://127.0.0.1:{port}"],
        ["Origin: https://127.0.0.1:1"],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-site"],
        [],
    ],
    ids=str,
)
def test_a_change_asked_for_from_elsewhere_is_not_done(console, fields):
    options = [part for each in fields for part in ("--header", each.format(port=console.port))]
    form = {"name": "mallory", "role": "engineer", "password": PASSWORD}
    answer = console.post("/people/user", form, *options, csrf="/people", origin=False)
    assert answer.status == 403
    assert "mallory" not in console.get("/people").text


def test_a_browsers_own_word_that_it_is_our_page_is_enough(console):
    fields = ("--header", "Sec-Fetch-Site: same-origin")
    assert console.post("/people/session", {"number": "999999"}, *fields, csrf="/people", origin=False).status == 303


@pytest.mark.parametrize("token", ["", "x" * 43])
def test_a_form_without_our_mark_is_not_done(console, token):
    data = ("--data", f"csrf={token}&name=mallory&role=engineer&password=seven+bridges")
    answer = console.curl("/people/user", *data)
    assert answer.status == 403 and "nothing was done" in answer.text
    assert "mallory" not in console.get("/people").text


def test_the_api_wants_the_mark_too_when_it_is_asked_with_a_cookie(console):
    answer = console.curl("/api/v1/reindex", "--header", "Content-Type: application/json", "--data", "{}")
    assert answer.status == 403 and "nothing was done" in answer.json["failed"]
    assert console.ask("users").status == 200


def test_every_answer_forbids_what_a_page_of_ours_does_not_do(console):
    for path in ("/", "/login", "/nothing/here", "/static/style.css", "/api/v1/status", "/api/v1/nothing", "/health"):
        answer = console.get(path)
        policy = answer.field("content-security-policy")
        assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy and "http:" not in policy
        assert answer.field("x-content-type-options") == "nosniff" and answer.field("x-frame-options") == "DENY"
        assert answer.field("cache-control") == ("no-cache" if path.startswith("/static") else "no-store"), path


def test_no_page_has_a_script_or_style_of_its_own_or_asks_anybody_else(console):
    for path in ("/", "/queue", "/people", "/audit", "/login"):
        text = console.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=|javascript:", text), path
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), path


# --- roles


def test_each_role_does_what_it_may_and_no_more(console, tmp_path):
    for role in ("viewer", "operator"):
        form = {"name": role, "role": role, "password": f"{role} of seven"}
        assert console.post("/people/user", form, csrf="/people").status == 303
    for role, statuses in (("viewer", (200, 403, 403)), ("operator", (200, 409, 403))):
        jar = console.jar
        console.jar = tmp_path / role
        try:
            assert console.login(role, f"{role} of seven").status == 303
            asked = [console.get("/queue"), None, console.get("/audit")]
            asked[1] = console.ask("release", object=99)
            assert tuple(each.status for each in asked) == statuses
            assert console.ask("user", name=role, role="engineer").status == 403
            assert console.ask("audit").status == 403
        finally:
            console.jar = jar


def test_a_user_who_is_removed_is_out_at_once(console, tmp_path):
    console.post("/people/user", {"name": "temp", "role": "viewer", "password": "only for a day"}, csrf="/people")
    jar, console.jar = console.jar, tmp_path / "temp"
    assert console.login("temp", "only for a day").status == 303 and console.get("/queue").status == 200
    theirs, console.jar = console.jar, jar
    console.post("/people/user", {"name": "temp", "remove": "yes"}, csrf="/people")
    console.jar, jar = theirs, console.jar
    assert console.get("/").status == 303
    console.jar = jar


def test_a_changed_password_ends_the_sessions_it_had(console, tmp_path):
    console.post("/people/user", {"name": "kim", "role": "viewer", "password": "the first one"}, csrf="/people")
    jar, console.jar = console.jar, tmp_path / "kim"
    try:
        console.login("kim", "the first one")
        answer = console.post("/people/password", {"old": "not that one", "new": "the second one"}, csrf="/people")
        assert answer.status == 409 and "Name or password is wrong" in answer.text
        answer = console.post("/people/password", {"old": "the first one", "new": "the second one"}, csrf="/people")
        assert answer.status == 303 and console.get("/people").status == 303
        assert console.login("kim", "the first one").status == 403
        assert console.login("kim", "the second one").status == 303
    finally:
        console.jar = jar


# --- what is written down


def audit(console):
    """The rows of the trail."""
    return console.ask("audit", limit=1000).json["rows"]


def test_every_change_and_every_login_is_written_down_with_before_and_after(console):
    form = {"name": "lee", "role": "viewer", "password": "a secret of lee"}
    console.post("/people/user", form, csrf="/people")
    console.post("/people/user", {"name": "lee", "role": "operator"}, csrf="/people")
    console.post("/logout", {}, csrf="/people")
    console.login()
    rows = [row for row in audit(console) if row["request"].get("name") == "lee"]
    assert [(row["outcome"]["before"], row["outcome"]["after"]) for row in rows[-2:]] == [
        (None, "viewer"),
        ("viewer", "operator"),
    ]
    assert rows[-1]["who"] == f"{NAME} (web at 127.0.0.1)"
    assert {"claim", "login", "logout", "user"} <= {row["verb"] for row in audit(console)}


def test_adding_a_user_never_changes_one_who_is_there(console):
    assert 'name="new" value="yes"' in console.get("/people").text
    form = {"new": "yes", "name": NAME, "role": "viewer", "password": "of somebody else"}
    answer = console.post("/people/user", form, csrf="/people")
    assert 0 < answer.text.find(f"There is a user called {NAME} already") < answer.text.find("Add a user")
    assert console.get("/people").status == 200, "it ended the session of whoever added a user by his own name"
    users = console.ask("users").json["rows"]
    assert [each["role"] for each in users if each["name"] == NAME] == ["engineer"]


def test_no_secret_is_written_down_or_logged(console):
    made = console.ask("token", name="secretive", role="viewer").json["done"]["secret"]
    console.ask("user", name="lou", role="viewer", password="a secret of lou")
    written = b"".join(path.read_bytes() for path in (console.box.state_dir / "audit").iterdir())
    for each in (made, "a secret of lou", PASSWORD):
        assert each.encode() not in written and each not in console.box.log()
    assert b"(secret)" in written


def test_a_refused_change_is_written_down_with_the_reason(console):
    console.ask("user", name=NAME, remove=True)
    assert "only engineer" in audit(console)[-1]["failure"]


# --- too many attempts


def test_passwords_cannot_be_tried_one_after_another(console, tmp_path):
    console.post("/people/user", {"name": "target", "role": "viewer", "password": "hard to guess"}, csrf="/people")
    jar, console.jar = console.jar, tmp_path / "guesser"
    try:
        statuses = [console.login("target", f"guess number {number}").status for number in range(6)]
        assert statuses[:3] == [403] * 3 and statuses[-1] == 429
        answer = console.login("target", "hard to guess")
        if answer.status == 429:  # the wait may be over on a slow machine
            assert "try again in" in answer.text.lower() and int(answer.field("retry-after")) > 0
        began = time.monotonic()
        wait_until(lambda: console.login("target", "hard to guess").status == 303, 30, "the wait to be over", 0.5)
        assert time.monotonic() - began < 30
    finally:
        console.jar = jar


# --- TLS


def test_the_certificate_is_the_boxs_own_and_the_fingerprint_is_what_the_terminal_shows(console):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{console.port}", "-showcerts"], input=b"", capture_output=True
    )
    assert b"TLSv1.3" in done.stdout and b"id-ecPublicKey" in done.stdout or b"prime256v1" in done.stdout
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-ext", "subjectAltName", "-enddate", "-text"],
        input=done.stdout.decode(), capture_output=True, text=True,
    ).stdout  # fmt: skip
    print_of = re.search(r"Fingerprint=([0-9A-F:]+)", shown).group(1)
    assert print_of in console.box.output()
    assert "DNS:localhost" in shown and "IP Address:127.0.0.1" in shown and "prime256v1" in shown
    assert int(re.search(r"notAfter=.* (\d{4}) GMT", shown).group(1)) >= 2036


def test_the_certificate_stays_the_same_after_a_restart(tmp_path):
    from edge.access.access import Access

    first = Access(str(tmp_path))
    paths = first.certificate()
    with open(paths[0], "rb") as file:
        made = file.read()
    again = Access(str(tmp_path))
    again.certificate()
    assert again.fingerprint() == first.fingerprint()
    import hashlib

    der = ssl.PEM_cert_to_DER_cert(made.decode())
    assert first.fingerprint().replace(":", "").lower() == hashlib.sha256(der).hexdigest()


def test_old_versions_of_tls_are_not_spoken(console):
    done = subprocess.run(
        ["openssl", "s_client", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-connect", f"127.0.0.1:{console.port}"],
        input=b"", capture_output=True,
    )  # fmt: skip
    assert done.returncode != 0


def test_who_forgets_the_s_of_https_is_sent_there(console):
    done = subprocess.run(
        ["curl", "-si", "--max-time", "10", f"http://127.0.0.1:{console.port}/queue"], capture_output=True, text=True
    )
    assert done.stdout.startswith("HTTP/1.1 308")
    assert f"ocation: https://127.0.0.1:{console.port}/queue" in done.stdout


def test_what_is_kept_can_be_read_as_json_by_nobody_but_the_box(console):
    console.ask("token", name="kept", role="viewer")
    for name in ("users.json", "tokens.json", "key.pem"):
        path = console.box.state_dir / "console" / name
        assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads((console.box.state_dir / "console" / "users.json").read_text())["version"] == 1

"""The ways on which alerts go, each to a real other side: mail, a web server, rsyslog."""

import email
import email.policy
import hmac
import shutil
import subprocess

import pytest

from edge.box import load
from edge.watch import channels, notice
from edge.watch.failed import Failed
from tests.support import process
from tests.support.certificates import Authority
from tests.support.hookserver import HookServer
from tests.support.mailserver import MailServer
from tests.support.service import toml

DOWN = notice.Notice("EDGE", "down Königsberg", notice.BEGINS, 1795000000, None, "Königsberg cannot be reached")
OVER = notice.Notice("EDGE", "space", notice.IS_OVER, 1795000000, 1795000600, "there is no room for new objects")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "ca", "Hospital CA")


@pytest.fixture(scope="module")
def issued(authority):
    return authority.issue("localhost")


def channel(folder, **table):
    document = {"alert": [{"name": "way", "timeout_s": 5, **table}]}
    settings = load.parse(toml(document), str(folder / "edge.toml")).config
    return channels.make(settings, settings.alerts[0])


def secret(folder, name, words):
    path = folder / name
    path.write_text(words + "\n")
    path.chmod(0o600)
    return str(path)


# Mail


def mail(folder, server, authority, **more):
    table = {"host": "localhost", "port": server.port, "from": "edge@example.org", "to": ["a@example.org"]}
    return channel(folder, kind="email", authorities=str(authority.certificate), **{**table, **more})


@pytest.mark.parametrize("starttls", [True, False], ids=["starttls", "tls"])
def test_mail_goes_encrypted_and_logged_in_and_says_what_the_server_answered(tmp_path, authority, issued, starttls):
    with MailServer(issued, starttls, ("edge", "a word")) as server:
        encryption = "starttls" if starttls else "tls"
        word = secret(tmp_path, "word", "a word")
        way = mail(tmp_path, server, authority, encryption=encryption, user="edge", password_file=word)
        assert way.deliver([DOWN, OVER]) == f"localhost port {server.port} answered 250 2.0.0 queued as 4711"
    (sent,) = server.mails
    assert (sent.sender, sent.receivers) == ("edge@example.org", ["a@example.org"])
    assert sent.encrypted and sent.user == "edge"
    found = email.message_from_bytes(sent.octets, policy=email.policy.default)
    assert found["Subject"].startswith("[EDGE] Königsberg cannot be reached") and "(and 1 more)" in found["Subject"]
    assert "- Königsberg cannot be reached" in found.get_content()
    assert "- over: there is no room for new objects" in found.get_content()
    assert found["Auto-Submitted"] == "auto-generated" and found["Date"] and found["Message-ID"]


def test_mail_for_some_is_sent_and_says_for_whom_it_was_not(tmp_path, authority):
    with MailServer(refuses=("b@example.org",)) as server:
        way = mail(tmp_path, server, authority, encryption="none", to=["a@example.org", "b@example.org"])
        assert way.deliver([DOWN]).endswith("not for b@example.org: 550 nobody of that name")
    assert server.mails[0].receivers == ["a@example.org"]


@pytest.mark.parametrize(
    ("server", "more", "words"),
    [
        ({"full": True}, {"encryption": "none"}, "did not take the mail: 452 4.3.1 no room"),
        ({"refuses": ("a@example.org",)}, {"encryption": "none"}, "takes mail for nobody: a@example.org: 550"),
        ({}, {}, "has no STARTTLS"),
        ({"mute": True}, {"encryption": "none", "timeout_s": 1}, "no answer in time|timed out"),
    ],
    ids=["full", "refused", "no starttls", "mute"],
)
def test_a_mail_server_that_does_not_take_it_is_said_in_words(tmp_path, authority, server, more, words):
    with MailServer(**server) as running:
        with pytest.raises(Failed, match=words):
            mail(tmp_path, running, authority, **more).deliver([DOWN])


def test_a_wrong_password_is_said_and_not_shown(tmp_path, authority, issued):
    with MailServer(issued, login=("edge", "right")) as server:
        word = secret(tmp_path, "word", "hush-hush")
        way = mail(tmp_path, server, authority, user="edge", password_file=word)
        with pytest.raises(Failed, match="neither user nor password: 535") as failed:
            way.deliver([DOWN])
    assert "hush" not in str(failed.value)


def test_a_mail_server_of_another_authority_is_not_believed(tmp_path, authority, issued, tmp_path_factory):
    other = Authority(tmp_path_factory.mktemp("other") / "ca", "Other CA")
    with MailServer(issued) as server:
        with pytest.raises(Failed, match="issuer of its certificate is not"):
            mail(tmp_path, server, other).deliver([DOWN])
    assert not server.mails


def test_mail_to_nowhere_is_said(tmp_path):
    table = {"host": "127.0.0.1", "port": process.free_port(), "to": "a@b", "encryption": "none", "from": "c@d"}
    way = channel(tmp_path, kind="email", **table)
    with pytest.raises(Failed, match="refused, so nothing listens there"):
        way.deliver([DOWN])


# Webhook


def test_a_webhook_gets_json_with_token_and_signature(tmp_path, authority, issued):
    with HookServer(issued) as server:
        way = channel(
            tmp_path,
            kind="webhook",
            url=f"https://localhost:{server.port}/alerts/edge",
            authorities=str(authority.certificate),
            token_file=secret(tmp_path, "token", "tok-123"),
            secret_file=secret(tmp_path, "secret", "between us"),
        )
        assert way.deliver([DOWN, OVER]).endswith("answered 204")
    path, headers, octets, said = server.requests[0]
    assert path == "/alerts/edge"
    assert headers["Authorization"] == "Bearer tok-123"
    assert headers["X-Edge-Signature"] == "sha256=" + hmac.new(b"between us", octets, "sha256").hexdigest()
    assert said["box"] == "EDGE"
    assert [(each["key"], each["what"]) for each in said["alerts"]] == [
        ("down Königsberg", "begin"),
        ("space", "over"),
    ]


def test_a_webhook_that_says_no_is_said_with_its_words(tmp_path):
    with HookServer(status=500, body=b"out of\norder") as server:
        with pytest.raises(Failed, match="answered 500: out of order"):
            channel(tmp_path, kind="webhook", url=f"http://127.0.0.1:{server.port}").deliver([DOWN])


def test_a_token_that_others_can_read_is_not_shown(tmp_path):
    path = secret(tmp_path, "token", "tok-123")
    (tmp_path / "token").chmod(0o644)
    with HookServer() as server:
        with pytest.raises(Failed, match="chmod 600"):
            channel(
                tmp_path, kind="webhook", url=f"http://127.0.0.1:{server.port}", token_file=path
            ).deliver([DOWN])
    assert not server.requests


# Syslog


class Rsyslog:
    """Debian's rsyslogd, with UDP, TCP and TLS inputs, and a file of what it understood of each message."""

    def __init__(self, folder, authority, issued):
        self.udp, self.tcp, self.tls = process.free_port(), process.free_port(), process.free_port()
        self.out = folder / "out.txt"
        config = folder / "rsyslog.conf"
        config.write_text(
            f"""
global(workDirectory="{folder}" DefaultNetstreamDriverCAFile="{authority.certificate}"
  DefaultNetstreamDriverCertFile="{issued.certificate}" DefaultNetstreamDriverKeyFile="{issued.key}")
module(load="imudp")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.Authmode="anon")
module(load="imptcp")
input(type="imudp" address="127.0.0.1" port="{self.udp}")
input(type="imptcp" address="127.0.0.1" port="{self.tcp}")
input(type="imtcp" address="127.0.0.1" port="{self.tls}")
template(name="all" type="string" string="%inputname%|%protocol-version%|%syslogfacility-text%|%syslogseverity-text%|\
%app-name%|%msgid%|%structured-data%|%msg%\\n")
action(type="omfile" file="{self.out}" template="all")
"""
        )
        self._process = subprocess.Popen(
            [shutil.which("rsyslogd") or "/usr/sbin/rsyslogd", "-n", "-f", str(config), "-i", str(folder / "pid")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def lines(self):
        return self.out.read_text(encoding="utf-8").splitlines() if self.out.exists() else []

    def wait(self):
        process.wait_until(lambda: process.is_listening(self.tls) and process.is_listening(self.tcp), 20, "rsyslogd")

    def end(self):
        process.end(self._process)


@pytest.fixture(scope="module")
def rsyslog(tmp_path_factory, authority, issued):
    running = Rsyslog(tmp_path_factory.mktemp("rsyslog"), authority, issued)
    try:
        running.wait()
        yield running
    finally:
        running.end()


@pytest.mark.parametrize(
    ("transport", "given", "answer"),
    [("udp", "imudp", "UDP has no answers"), ("tcp", "imptcp", "took it"), ("tls", "imtcp", "took it")],
)
def test_rsyslog_understands_each_message(tmp_path, rsyslog, authority, transport, given, answer):
    more = {"authorities": str(authority.certificate)} if transport == "tls" else {}
    port = getattr(rsyslog, transport)
    way = channel(
        tmp_path, kind="syslog", host="localhost", port=port, transport=transport, facility="local3", **more
    )
    words = "Königsberg cannot be reached by " + transport
    assert way.deliver([DOWN._replace(words=words), OVER._replace(words="over " + transport)]).endswith(answer)
    ended = "over: over " + transport
    process.wait_until(lambda: any(ended in each for each in rsyslog.lines()), 10, "the messages in rsyslog's file")
    begins, ends = [each.split("|") for each in rsyslog.lines() if transport in each.split("|")[-1]]
    assert begins[:5] == [given, "1", "local3", "crit", "edge"]
    assert begins[5] == "begin" and begins[6].startswith('[origin software="edge" swVersion=')
    assert begins[7].lstrip("\ufeff").startswith("EDGE: " + words + " (since ")
    assert ends[3] == "notice" and ends[5] == "over"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_syslog_to_nowhere_is_said(tmp_path, transport):
    way = channel(tmp_path, kind="syslog", host="127.0.0.1", port=process.free_port(), transport=transport)
    with pytest.raises(Failed, match="refused, so nothing listens there"):
        way.deliver([DOWN])


def test_syslog_over_tls_does_not_believe_another_authority(tmp_path, rsyslog, tmp_path_factory):
    other = Authority(tmp_path_factory.mktemp("other") / "ca", "Other CA")
    way = channel(
        tmp_path, kind="syslog", host="localhost", port=rsyslog.tls, transport="tls", authorities=str(other.certificate)
    )
    with pytest.raises(Failed, match="issuer of its certificate is not"):
        way.deliver([DOWN])

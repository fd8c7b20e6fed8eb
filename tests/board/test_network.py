"""Settings of the network: what is wrong is said in words, and what is right is what nft and wpa_supplicant read."""

import shutil
import subprocess

import pytest

from edge.board import firewall, network, networkd, wireless

MODALITY = {"device": "eth0", "side": "modality", "addresses": ["192.168.7.1/24"]}
UPLINK = {"device": "eth1", "side": "uplink"}


def mistakes(*interfaces, **more):
    """["where: words"] of what is wrong with settings."""
    return ["%s: %s" % each for each in network.read({"interface": list(interfaces), **more})[1]]


def good(*interfaces, **more):
    """The Network of settings that must be right."""
    found, wrong = network.read({"interface": list(interfaces), **more})
    assert not wrong
    return found


def test_two_sides_with_a_fixed_service_address_are_right():
    found = good(MODALITY, {**UPLINK, "service": "192.168.100.1/24"}, name="edge-ct1", ntp=["time.example.org"])
    assert found.interfaces[1].dhcp and not found.interfaces[0].dhcp


@pytest.mark.parametrize(
    "interface, words",
    [
        ({"addresses": ["10.0.0.2/24"], "gateway": "10.0.1.1"}, "10.0.1.1 is not in the subnet of this interface (10"),
        ({"gateway": "10.0.1.1"}, "is not in the subnet of this interface (no fixed address)"),
        ({"addresses": ["10.0.0.2/24"], "gateway": "10.0.0.2"}, "10.0.0.2 is the box's own address"),
        ({"addresses": ["10.0.0.0/24"]}, "is the name of the subnet itself"),
        ({"addresses": ["10.0.0.255/24"]}, "is the broadcast address of its subnet"),
        ({"addresses": ["10.0.0.7"]}, "expected addresses like 192.168.7.1/24; there is '10.0.0.7'"),
        ({"addresses": ["10.0.0.7/33"]}, "expected addresses like"),
        ({"addresses": ["10.0.0.7/0"]}, "has no subnet"),
        ({"addresses": ["127.0.0.2/8"]}, "is no address that a box could have"),
        ({"addresses": ["224.0.0.1/24"]}, "is no address that a box could have"),
        ({"addresses": ["169.254.1.1/16"]}, "is link-local: leave it out"),
        ({"addresses": ["fd00::1/64"], "ipv6": False}, "ipv6 = false switches off"),
        ({"vlan": 0}, "vlan: expected a whole number, 1 to 4094"),
        ({"vlan": 4095}, "vlan: expected a whole number, 1 to 4094"),
        ({"vlan": True}, "vlan: expected a whole number"),
        ({"device": "enx001122334455", "vlan": 7}, "enx001122334455.7 is longer than the 15 characters"),
        ({"device": "enx0011223344556"}, "device: expected the name of an interface"),
        ({"device": "../../etc/passwd"}, "device: expected the name of an interface"),
        ({"device": "eth0]\n[Match"}, "device: expected text of one line"),
        ({"device": "lo"}, "device: expected the name of an interface"),
        ({"device": None}, "device: is missing"),
        ({"dhcp": False}, "dhcp: without DHCP it needs an address"),
        ({"mtu": 100}, "mtu: expected a whole number, 576 to 9216"),
        ({"opens": ["shell"]}, "opens: expected some of dicom, console"),
        ({"dns": ["dns.example.org"]}, "dns: expected addresses like"),
        ({"side": "outside"}, "side: expected one of modality, uplink, both"),
        ({"ssid": "x" * 33}, "ssid: expected 1 to 32 octets"),
        ({"ssid": "w", "passphrase": "short"}, "passphrase: expected 8 to 63 ASCII characters"),
        ({"ssid": "w", "passphrase": "secret\n  psk"}, "passphrase: expected 8 to 63 ASCII characters"),
        ({"passphrase": "long enough"}, "passphrase: is for Wi-Fi, which needs ssid"),
        ({"ssid": "w", "vlan": 7}, "vlan: Wi-Fi carries no VLAN"),
        ({"adresses": []}, "adresses: is no key; there are: device, side"),
    ],
)
def test_what_is_wrong_with_an_interface_is_said_in_words(interface, words):
    found = mistakes({"device": "eth0", "side": "uplink", **interface})
    assert len(found) == 1 and words in found[0], found


@pytest.mark.parametrize(
    "settings, words",
    [
        ([MODALITY, {**UPLINK, "addresses": ["192.168.0.9/16"]}], "192.168.0.0/16 overlaps 192.168.7.0/24 of int"),
        ([MODALITY, {**UPLINK, "service": "192.168.7.9/24"}], "overlaps 192.168.7.0/24 of interface 1"),
        ([{**MODALITY, "gateway": "192.168.7.254"}], "the modality's side has no way to anywhere else"),
        ([MODALITY, MODALITY], "eth0 is set up already, as interface 1"),
        ([{"device": "*"}, UPLINK], "* stands alone"),
        ([{"device": "*", "addresses": ["10.0.0.2/24"]}], "* is for DHCP alone"),
        ([], "expected 1 to 16 interfaces"),
        (
            [
                {**UPLINK, "addresses": ["10.0.0.2/24"], "gateway": "10.0.0.1"},
                {"device": "eth2", "side": "uplink", "addresses": ["10.0.1.2/24"], "gateway": "10.0.1.1"},
            ],
            "10.0.1.1 is a second way to everything else, beside 10.0.0.1 of interface 1",
        ),
    ],
)
def test_what_does_not_go_together_is_said_in_words(settings, words):
    assert words in "\n".join(mistakes(*settings))


@pytest.mark.parametrize(
    "more, words",
    [
        ({"name": "-edge"}, "name: expected up to 63"),
        ({"name": "edge\nDHCP=yes"}, "name: expected text of one line"),
        ({"proxy": "http://user:pass@proxy:3128"}, "proxy: expected http://HOST:PORT, without a user"),
        ({"proxy": "http://proxy:99999"}, "proxy: expected"),
        ({"proxy_except": ["a b"]}, "proxy_except: expected names"),
        ({"ntp": ["bad name"]}, "ntp: expected names or addresses"),
        ({"ntp": ["ntp;reboot"]}, "ntp: expected names or addresses"),
        ({"gateway": "10.0.0.1"}, "gateway: is no key"),
        ({"dns": ["x"] * 17}, "dns: expected a list of up to 16"),
    ],
)
def test_what_is_wrong_with_the_box_as_a_whole_is_said_in_words(more, words):
    assert words in "\n".join(mistakes(UPLINK, **more))


def test_every_mistake_is_said_at_once():
    assert len(mistakes({**UPLINK, "vlan": 0, "mtu": 1}, name="-")) == 3


@pytest.mark.parametrize("settings", [None, [], 1, {"interface": 7}, {"interface": [7]}, {"interface": [{}]}])
def test_what_are_no_settings_is_refused(settings):
    assert network.read(settings)[1]


def test_a_passphrase_is_never_shown_and_is_kept_where_it_is_not_given_anew():
    former = {"interface": [{"device": "wlan0", "ssid": "Ward 3", "passphrase": "not to be told"}]}
    shown = network.masked(former)
    assert "not to be told" not in str(shown)
    assert network.with_kept(shown, former) == former
    changed = {"interface": [{**shown["interface"][0], "ssid": "Ward 4"}]}
    assert "passphrase: expected 8 to 63" in "\n".join(mistakes(*network.with_kept(changed, former)["interface"]))
    taken_out = {"interface": [{**shown["interface"][0], "passphrase": False}]}
    assert "passphrase" not in network.with_kept(taken_out, former)["interface"][0]
    _, wrong = network.read({"interface": [{"device": "wlan0", "ssid": "Ward 3", "passphrase": "s3cret"}]})
    assert wrong and "s3cret" not in str(wrong)


def test_who_is_connected_by_an_address_that_goes_away_is_told():
    former = good(MODALITY, UPLINK)
    moved = good({**MODALITY, "addresses": ["192.168.8.1/24"]}, UPLINK)
    assert "192.168.7.1, which eth0 will not have any more" in network.cut_off(former, moved, ("192.168.7.1", "eth0"))
    assert "eth1, which will be off" in network.cut_off(former, good(MODALITY), ("10.9.9.9", "eth1"))
    fixed = good(MODALITY, {**UPLINK, "addresses": ["10.0.0.5/24"]})
    assert "may not have any more" in network.cut_off(former, fixed, ("10.9.9.9", "eth1"))
    assert network.cut_off(former, moved, ("10.9.9.9", "eth1")) is None
    assert network.cut_off(former, moved, ("127.0.0.1", "lo")) is None


def test_no_line_of_a_file_comes_from_anywhere_but_a_checked_word():
    found = good(MODALITY, {**UPLINK, "vlan": 7}, name="edge-1", dns=["10.0.0.1"])
    files = networkd.files(found)
    assert sorted(files) == [
        "network/50-edge-eth0.network",
        "network/50-edge-eth1.7.netdev",
        "network/50-edge-eth1.7.network",
        "network/50-edge-eth1.network",
        "resolved.conf.d/50-edge-box.conf",
    ]
    assert "VLAN=eth1.7" in files["network/50-edge-eth1.network"]
    assert "UseGateway=no" not in files["network/50-edge-eth1.7.network"]


def test_dhcp_on_the_modalitys_side_gives_no_way_to_anywhere_else():
    text = networkd.files(good({"device": "eth0", "side": "modality"}))["network/50-edge-eth0.network"]
    for line in ("UseGateway=no", "UseRoutes=no", "UseDNS=no", "UseNTP=no", "IPv6AcceptRA=no"):
        assert line in text.splitlines()


def test_nft_reads_the_rules():
    listens = [("dicom", 11112, "tcp"), ("console", 8443, "tcp")]
    tagged = {**UPLINK, "vlan": 7, "opens": []}
    for found in (good({"device": "*"}), good(MODALITY, tagged), good({**UPLINK, "ipv6": False})):
        rules = firewall.ruleset(found, listens)
        done = subprocess.run(["nft", "-c", "-f", "-"], input=rules, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_wpa_supplicant_reads_what_is_written_for_it(tmp_path):
    def said(text):
        (tmp_path / "w.conf").write_text(text, encoding="utf-8")
        words = [shutil.which("wpa_supplicant"), "-i", "none0", "-D", "wired", "-c", str(tmp_path / "w.conf")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return [line for line in done.stdout.splitlines() if "Line " in line or "parse" in line]

    wifi = {"device": "wlan0", "ssid": 'We "quote" \u00e4 # }', "country": "DE", "hidden": True}
    texts = [
        wireless.supplicants(good({**wifi, **more}))["wlan0"]
        for more in ({"passphrase": 'p" #\\ass wo}rd='}, {"passphrase": "0f" * 32}, {})
    ]
    assert [said(text) for text in texts] == [[], [], []]
    assert said(texts[0] + "nonsense\n")
    shown = subprocess.run(["wpa_passphrase", "Ward", "not to be told"], capture_output=True, text=True, check=True)
    plain = wireless.supplicants(good({"device": "wlan0", "ssid": "Ward", "passphrase": "not to be told"}))["wlan0"]
    assert [line for line in plain.splitlines() if "psk=" in line][0] == shown.stdout.splitlines()[3]
    assert texts[0].splitlines()[4] == "\tssid=" + 'We "quote" \u00e4 # }'.encode().hex()


def test_a_proxy_is_an_environment():
    found = good(UPLINK, proxy="http://10.0.0.8:3128", proxy_except=[".ward.example", "10.0.0.0/8"])
    text = wireless.environment(found)
    assert text.splitlines() == [
        "http_proxy=http://10.0.0.8:3128",
        "https_proxy=http://10.0.0.8:3128",
        "no_proxy=localhost,127.0.0.1,::1,.ward.example,10.0.0.0/8",
    ]
    assert wireless.environment(good(UPLINK)) == ""

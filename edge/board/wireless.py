"""What Wi-Fi comes to, as wpa_supplicant reads it, and a proxy, as programs read it from their environment."""

import hashlib

_ROUNDS = 4096


def supplicants(network):
    """Return {device: text of its wpa_supplicant configuration}. The text has the passphrase: it is root's alone."""
    return {each.device: _supplicant(each.wifi) for each in network.interfaces if each.wifi}


def _supplicant(wifi):
    lines = ["# Written by edge from the settings of the network; changed there, not here.", "update_config=0"]
    if wifi.country:
        lines.append("country=" + wifi.country)
    lines += ["network={", "\tssid=" + wifi.ssid.encode().hex()]  # in hexadecimal nothing needs quotes
    if wifi.hidden:
        lines.append("\tscan_ssid=1")
    if wifi.passphrase is None:
        lines.append("\tkey_mgmt=NONE")
    elif len(wifi.passphrase) == 64:
        lines += ["\tkey_mgmt=WPA-PSK", "\tpsk=" + wifi.passphrase]
    else:
        secret = wifi.passphrase.encode()
        key = hashlib.pbkdf2_hmac("sha1", secret, wifi.ssid.encode(), _ROUNDS, 32)  # as IEEE 802.11i has it
        lines += ["\tkey_mgmt=WPA-PSK SAE", "\tieee80211w=1", "\tpsk=" + key.hex(), "\tsae_password=" + secret.hex()]
    return "\n".join(lines + ["}"]) + "\n"


def environment(network):
    """Return the text of the environment file for what the box fetches and sends; empty without a proxy."""
    if network.proxy is None:
        return ""
    kept = ",".join(("localhost", "127.0.0.1", "::1") + network.proxy_except)
    pairs = (("http_proxy", network.proxy), ("https_proxy", network.proxy), ("no_proxy", kept))
    return "".join(["%s=%s\n" % pair for pair in pairs])

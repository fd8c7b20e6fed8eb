"""What went wrong with TLS, in words: which end said no, why, and what to do."""

# What this side found wrong with the other's certificate: OpenSSL's verify code -> words
_FOUND = {
    9: "its certificate is not valid yet; check the box's clock",
    10: "its certificate has expired; the other side needs a new one (or the box's clock is wrong)",
    18: "its certificate is signed by itself; put it into the file of authorities, if it is to be believed",
    19: "the issuer of its certificate is not among the authorities; add it to their file, if it is to be believed",
    20: "the issuer of its certificate is not among the authorities; add it to their file, if it is to be believed",
    21: "the issuer of its certificate is not known; the other side has to send the intermediate certificates, too",
    23: "its certificate has been revoked",
    26: "its certificate was issued for another purpose; it has to be for server or client authentication",
    62: "its certificate is for another name; connect by the name it is for, or set server_name",
    64: "its certificate is not for this address; connect by the name it is for, or set server_name",
    66: "the key of its certificate is too weak; expected RSA of 2048 bits or more, or P-256",
    67: "the key of an issuer of its certificate is too weak; expected RSA of 2048 bits or more, or P-256",
    68: "its certificate is signed with a digest that is too weak; expected SHA-256 or better",
}

# What the other side said, or what else failed: OpenSSL's reason -> words
_PLAIN = "it does not speak TLS there; check the port, and whether TLS is switched on at both ends"
_WEAK = "the key or signature of its certificate is too weak; expected RSA of 2048 bits or more, or P-256, and SHA-256"
_OLD = "it speaks no TLS newer than 1.1, which nobody should any more; expected 1.2 or 1.3"
_UNLIKE = "it has no cipher suite of the profile, or none for the kind of key here; expected ECDHE with AES-GCM"
_UNKNOWN_ISSUER = "it does not know the issuer of this box's certificate; the other side has to be given it"
_UNFIT = "it does not take this box's certificate; see the other side's log"
_WANTED = "it wants a certificate, and got none; set certificate and key"
_REASONS = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "HTTP_REQUEST": "it speaks HTTP, not TLS",
    "HTTPS_PROXY_REQUEST": "it speaks HTTP, not TLS",
    "PACKET_LENGTH_TOO_LONG": _PLAIN,
    "RECORD_LAYER_FAILURE": _PLAIN,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "VERSION_TOO_LOW": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "NO_SHARED_CIPHER": _UNLIKE,
    "NO_SHARED_GROUP": _UNLIKE,
    "NO_SHARED_SIGNATURE_ALGORITHMS": _UNLIKE,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": _UNLIKE,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it found nothing both ends can do, or wants a certificate; see its log",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _UNLIKE,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate; it has to be given one of the authorities'",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTED,
    "TLSV1_ALERT_UNKNOWN_CA": _UNKNOWN_ISSUER,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _UNFIT,
    "SSLV3_ALERT_BAD_CERTIFICATE": _UNFIT,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _UNFIT,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that this box's certificate has expired; replace it, or set its clock",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "it says that this box's certificate has been revoked; replace it",
    "TLSV1_ALERT_ACCESS_DENIED": _UNFIT,
    "TLSV1_ALERT_DECRYPT_ERROR": _UNFIT,
    "TLSV1_UNRECOGNIZED_NAME": "it knows no server of that name; set server_name",
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "DH_KEY_TOO_SMALL": _WEAK,
}


def words_of(error):
    """Return the words for whatever went wrong with a connection that may speak TLS: an OSError, or `words`."""
    if hasattr(error, "reason"):
        return words(error)
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timed out"  # without the line of OpenSSL's source that was waiting
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def words(error):
    """Return the words for an ssl.SSLError of a handshake, or of the records after it; "it" is the other side."""
    code = getattr(error, "verify_code", None)
    if code in _FOUND:
        return _FOUND[code]
    if code:
        return "its certificate is not to be believed: %s" % error.verify_message
    known = _REASONS.get(error.reason)
    if known is not None:
        return known
    said = (error.reason or error.strerror or str(error)).replace("_", " ").lower()
    return "the encryption failed: %s" % said

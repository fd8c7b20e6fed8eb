"""The options of de-identification, by name: as little as the configuration has to know of it."""

from collections import namedtuple

# Option -> (letter in the table, code of CID 7050, its meaning)
OPTIONS = {
    "uids": ("u", "113110", "Retain UIDs Option"),
    "full-dates": ("f", "113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "shifted-dates": ("m", "113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "device": ("v", "113109", "Retain Device Identity Option"),
    "institution": ("i", "113112", "Retain Institution Identity Option"),
    "patient-characteristics": ("p", "113108", "Retain Patient Characteristics Option"),
    "clean-descriptors": ("d", "113105", "Clean Descriptors Option"),
    "safe-private": ("r", "113111", "Retain Safe Private Option"),
    "declared-private": ("r", "113111", "Retain Safe Private Option"),
}
# Code of CID 7050 and its meaning
BASIC = ("113100", "Basic Application Confidentiality Profile")

# key: pseudonym.Key; options: names of OPTIONS; safe: paths.Steps of private elements that are known to be safe;
# trusted: whether pixels are sent that do not say whether there is annotation burned in
Profile = namedtuple("Profile", ("key", "options", "safe", "trusted"))

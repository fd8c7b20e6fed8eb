"""Makes octets that nobody should have sent, out of some that somebody did: a seed decides what comes out.

Each mutant is a seed of the corpus changed in a few places: bits turned, octets put in, taken out, doubled, cut off, a
piece of another seed put in, a number replaced by one that is dangerous as a length or as a count.
"""

NUMBERS = (
    b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xfe\xff\xff\xff", b"\0\0\0\0", b"\x01\0\0\0",
    b"\0\0\0\x01", b"\0\0\1\0", b"\xff\xff", b"\0\0", b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0",
    b"\x80\0\0\0", b"\0\0\0\x80", b"\0",
)  # fmt: skip
_LONGEST = 1 << 16


def mutants(corpus, words, dice, number):
    """Yield `number` mutants of the seeds in `corpus`, a list of octets; words: octets that mean something there."""
    words = (*NUMBERS, *words)
    small = [seed for seed in corpus if len(seed) <= _LONGEST]
    for _ in range(number):
        made = bytearray(dice.choice(small))
        for _ in range(dice.choice((1, 1, 2, 3, 8))):
            dice.choice(_WAYS)(made, small, words, dice)
        yield bytes(made[:_LONGEST])


def _place(made, dice):
    """A place in the octets, more often one near their beginning, where heads and lengths stand."""
    return dice.randrange(min(len(made), dice.choice((16, 256, 1 << 16))) + 1)


def _turn(made, small, words, dice):
    if made:
        made[min(_place(made, dice), len(made) - 1)] ^= 1 << dice.randrange(8)


def _replace(made, small, words, dice):
    at, word = _place(made, dice), dice.choice(words)
    made[at : at + len(word)] = word


def _put_in(made, small, words, dice):
    at = _place(made, dice)
    made[at:at] = dice.choice((dice.choice(words), dice.randbytes(dice.randrange(1, 9))))


def _take_out(made, small, words, dice):
    at = _place(made, dice)
    del made[at : at + dice.randrange(1, 17)]


def _double(made, small, words, dice):
    at, length = _place(made, dice), dice.randrange(1, 200)
    made[at:at] = made[at : at + length] * dice.choice((1, 1, 2, 20))


def _cut(made, small, words, dice):
    del made[dice.randrange(len(made) + 1) :]


def _splice(made, small, words, dice):
    other = dice.choice(small)
    begin = dice.randrange(len(other) + 1)
    made[_place(made, dice) :] = other[begin:]


_WAYS = (_turn, _turn, _replace, _replace, _put_in, _take_out, _double, _cut, _splice)

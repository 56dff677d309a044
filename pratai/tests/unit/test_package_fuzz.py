# SPDX-License-Identifier: Apache-2.0

import random
import struct
import zipfile

from pratai import exception
from pratai.tests.unit import zips

Member = zips.Member


class TestFuzz(zips.TestCase):
    """Damage of any kind ends in a package, or a PackageError."""

    ROUNDS = 3000

    def seeds(self):
        plain = zips.good()
        size, start = struct.unpack_from('<2L', plain, len(plain) - 10)
        return [zips.make(), zips.make(zips.of_a_mac()),
                zips.make(compression=zipfile.ZIP_STORED),
                zips.good(comment=b'comment'),
                zips.good(before_end=zips.zip64_end(2, size, start)),
                zips.good(
                    Member(b'caf\x82', extra=zips.unicode_name(b'caf\xc3')),
                    Member(b'x', b'\0' * 1000))]

    def test_mutations(self):
        self.limit(max_package_unpacked=100000, max_module=10000)
        outcomes = fuzz(self.read, self.seeds(), self.ROUNDS, seed=7)
        self.assertLess(5, len(outcomes), outcomes)

    def test_liars(self):
        self.limit(max_package_unpacked=100000, max_module=10000,
                   max_requirements=10000)
        outcomes = lie(self.read, self.ROUNDS, seed=7)
        self.assertLess(12, len(outcomes), outcomes)


# What a mutation likes to write.
WORDS = [b'PK\x01\x02', b'PK\x03\x04', b'PK\x05\x06', b'PK\x06\x06',
         b'PK\x06\x07', b'\xff' * 2, b'\xff' * 4, b'\xff' * 8, b'\0' * 2,
         b'\0' * 4, b'\x01\x00', b'../', b'\\', b'\x7f\xff\xff\xff']


def fuzz(read, seeds, rounds, seed):
    """:returns: {code or None: how often}; another error is raised."""
    chance = random.Random(seed)
    outcomes = {}
    for _ in range(rounds):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            mutate(data, chance)
        count(read, bytes(data), outcomes)
    return outcomes


def count(read, data, outcomes):
    """Add what becomes of a zip to {code or None: how often}."""
    try:
        read(data)
        code = None
    except exception.PackageError as error:
        code = error.code
        if not error.detail.isprintable() or len(error.detail) > 600:
            raise ValueError('Not for people: %r' % error.detail) from error
    outcomes[code] = outcomes.get(code, 0) + 1


def mutate(data, chance):
    """Change, remove, repeat or move a few bytes, preferably of headers."""
    if not data:
        return
    position = chance.randrange(len(data))
    if chance.random() < 0.5:
        position = max(0, len(data) - 1 - int(chance.expovariate(1 / 60)))
    how = chance.randrange(6)
    if how == 0:
        data[position] ^= 1 << chance.randrange(8)
    elif how == 1:
        data[position] = chance.randrange(256)
    elif how == 2:
        word = chance.choice(WORDS)
        data[position:position + len(word)] = word
    elif how == 3:
        del data[position:position + chance.randrange(1, 20)]
    elif how == 4:
        data[position:position] = data[
            chance.randrange(len(data)):][:chance.randrange(1, 80)]
    else:
        data[position:position + 4] = struct.pack(
            '<L', chance.choice((0, 1, len(data), len(data) - 22, 1 << 31,
                                 chance.randrange(1 << 32))))


NAMES = [b'new_module.py', b'requirements.txt', b'a/new_module.py', b'x', b'',
         b'./x', b'x/', b'..', b'/x', b'a\\b', b'C:x', b'x\0', b'\xff',
         b'__MACOSX/x', b'New_Module.py', b'x' * 300]
CONTENTS = [b'', b'x = 1\n', b'\xff', b'# coding: utf-7\n+AAA-', b'\0' * 20000,
            b'x\0', b'\xff\xfex\0', b'# coding: latin-1\n\xe9', zips.make()]
VALUES = [0, 1, 2, 6, 100, 10000, 0x7fffffff, 0xfffffffe, 0xffffffff]


def lie(read, rounds, seed):
    """Zips whose fields are made up, otherwise well-formed.

    :returns: {code or None: how often}; another error is raised.
    """
    chance = random.Random(seed)
    outcomes = {}
    for _ in range(rounds):
        members = [Member(b'new_module.py', chance.choice(CONTENTS)),
                   Member(b'requirements.txt', chance.choice(CONTENTS))]
        for _ in range(chance.choice((0, 0, 1, 2, 5))):
            members.append(Member(chance.choice(NAMES),
                                  chance.choice(CONTENTS),
                                  method=chance.choice((0, 8, 8, 8, 12))))
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
            make_up(chance.choice(members), chance)
        end = {}
        if chance.random() < 0.1:
            end[chance.choice(('count', 'start'))] = chance.choice(VALUES)
        if chance.random() < 0.1:
            end[chance.choice(('comment', 'prefix', 'suffix', 'before_end'))
                ] = chance.choice((zips.make(), b'x', b'PK\x05\x06',
                                   zips.zip64_end(2, 100, 100)))
        chance.shuffle(members)
        try:
            data = zips.handmade(*members, **end)
        except struct.error:
            continue
        count(read, data, outcomes)
    return outcomes


def make_up(member, chance):
    field, values = chance.choice((
        ('name', NAMES), ('local_name', NAMES),
        ('flags', (1, 8, 0x20, 0x40, 0x800, 0x2000)),
        ('mode', (0, 0o120777, 0o010644, 0o040755, 0o177777)),
        ('crc', VALUES), ('size', VALUES), ('packed', VALUES),
        ('local_size', VALUES), ('local_method', (0, 1, 8)),
        ('offset', VALUES), ('needed', (0, 45, 63, 64, 255)),
        ('extra', (b'x', b'\x01\0\x08\0' + b'\xff' * 8, b'\x01\0\x01\0x',
                   zips.unicode_name(b'x'), zips.unicode_name(b'\xff'),
                   struct.pack('<2H', 0x7075, 0)))))
    setattr(member, field, chance.choice(values))

"""The fast way through a tar archive and where it hands over, with tarfile as the oracle."""

import io
import random
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist import NotMNISTError
from notmnist.archives.members import MAX_MEMBER_BYTES, NOT_REGULAR, TOO_LARGE
from notmnist.archives.plain_tar import Walk
from notmnist.archives.tars import Tar

END = bytes(1024)
LONG = b"A/" + b"long/" * 40 + b"name.png"


def entry(content=b"content", *, checksum=None, **fields):
    """Pack a member by hand, each field as it is given, and the checksum as it should be."""
    size = b"%011o\0" % len(content)
    header = bytearray(512)
    fields = {"name": b"A/a.png", "mode": b"0000644\0", "size": size, "time": b"00000000000\0",
              "kind": b"0", "magic": b"ustar  \0"} | fields  # fmt: skip
    for field, value in fields.items():
        header[FIELDS[field] : FIELDS[field] + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = checksum or b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(-len(content) % 512)


FIELDS = {"name": 0, "mode": 100, "owner": 108, "group": 116, "size": 124, "time": 136,
          "kind": 156, "link": 157, "magic": 257, "major": 329, "minor": 337,
          "prefix": 345}  # fmt: skip


def long_name(name=LONG + b"\0", **fields):
    return entry(name, name=b"././@LongLink", kind=b"L", **fields)


def pax(record=b"21 comment=no matter\n", **fields):
    return entry(record, name=b"pax", kind=b"x", **fields)


def by_tarfile(tar):
    """Return what tarfile makes of the members, or None when it refuses them."""
    members = []
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:", encoding="utf-8") as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    content = NOT_REGULAR
                elif 0 <= member.size <= MAX_MEMBER_BYTES:
                    content = archive.extractfile(member).read()
                else:
                    content = TOO_LARGE
                members.append((member.name.encode("utf-8", "surrogateescape"), content))
    except (tarfile.TarError, ValueError):
        return None
    return members


def read(path, tar):
    """Return the members that the reader gives, or None when it refuses them."""
    path.write_bytes(tar)
    try:
        return list(Tar(path).members(lambda name: True))
    except NotMNISTError:
        return None


def walked(pieces):
    walk, members = Walk(MAX_MEMBER_BYTES), []
    for piece in pieces:
        members += walk.through(piece)
    return members, walk


names = st.text("ab/ä", min_size=1, max_size=240).map(lambda name: f"A/{name.strip('/')}.png")


@given(st.lists(st.tuples(names, st.binary(max_size=700)), max_size=8), st.integers(100, 4_000))
def test_names_and_contents_are_those_of_tarfile_wherever_the_pieces_end(pairs, length):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in pairs:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    tar = file.getvalue()
    members, walk = walked(tar[at : at + length] for at in range(0, len(tar), length))
    assert members == by_tarfile(tar)
    assert walk.stopped and set(walk.rest) == {0}


PLAIN = {
    "an empty file": entry(b""),
    "a prefix": entry(prefix=b"letters/of/old"),
    "a long name": long_name() + entry(),
    "a long name of a whole block": long_name(b"A/".ljust(512, b"n")) + entry(),
    "a long name without a zero": long_name(LONG) + entry(),
    "a long name longer than it says": long_name(size=b"00000000010\0") + entry(),
    "a folder": entry(b"", kind=b"5", name=b"A/"),
    "a folder under a long name": long_name() + entry(b"", kind=b"5"),
    "numbers that end in spaces": entry(size=b"00000000007 ", mode=b"000644 \0"),
    "numbers that are missing": entry(mode=bytes(8), time=bytes(12)),
    "a name that ends in a slash": entry(name=b"A/a.png/"),
    "a name that is not UTF-8": entry(name=b"A/\xff\xfe.png"),
}  # fmt: skip


@pytest.mark.parametrize("member", PLAIN.values(), ids=PLAIN)
def test_plain_members_are_walked(member):
    tar = entry(b"before") + member + entry(b"behind") + END
    members, walk = walked([tar])
    assert members == by_tarfile(tar)
    assert walk.rest == END


ODD = {
    "a folder that states a size": entry(b"", kind=b"5", name=b"A/", size=b"00000001000\0"),
    "a twelfth digit of the size": entry(b"123456789", size=b"000000000011"),
    "a size without leading zeros": entry(size=b"7\0".ljust(12, b"\0")),
    "a size in another form": entry(size=b"\x80".ljust(11, b"\0") + b"\7"),
    "a size with a sign": entry(size=b"+0000000007\0"),
    "a size with a line below": entry(size=b"0_000000007\0"),
    "a size with a space before it": entry(size=b" 0000000007\0"),
    "a mode that is no number": entry(mode=b"rw-r--r-"),
    "an owner that is no number": entry(owner=b"root\0"),
    "a group with a digit behind its end": entry(group=b"12 4567\0"),
    "a time before 1970": entry(time=b"\xff" * 12),
    "a device that is no number": entry(major=b"????\0"),
    "two long names in a row": long_name() + long_name(b"A/second.png\0") + entry(),
    "an empty long name": long_name(b"") + entry(),
    "a long name of a zero": long_name(b"\0") + entry(),
    "a long name at the end": long_name() + END,
    "a long name before a link": long_name() + entry(b"", kind=b"2", link=b"/etc/passwd"),
    "a long name before a pax header": long_name() + pax() + entry(),
    "a long target of a link": entry(LONG, kind=b"K") + entry(b"", kind=b"2"),
    "a folder of the seventies": entry(b"", kind=b"\0", name=b"A/"),
    "a file of the seventies": entry(kind=b"\0", magic=bytes(8)),
    "a pax header": pax() + entry(),
    "a pax header with a path": pax(b"20 path=A/pax.png\n\n") + entry(),
    "a pax header with a size": pax(b"10 size=7\n") + entry(b"", size=b"00000000000\0") + entry(),
    "a pax header of no length": pax(b"0 path=\n") + entry(),
    "a global pax header": entry(b"20 path=A/pax.png\n\n", kind=b"g") + entry(),
    "a hard link": entry(b"", kind=b"1", link=b"A/a.png"),
    "a device": entry(b"", kind=b"3"),
    "a pipe": entry(b"", kind=b"6"),
    "a contiguous file": entry(kind=b"7"),
    "a sparse file": entry(kind=b"S"),
    "an unknown kind": entry(kind=b"Z"),
    "a large member": entry(bytes(MAX_MEMBER_BYTES + 1)),
    "a signed checksum": entry(name=b"A/\xff.png", checksum=b"%06o\0 " % (sum(entry()[:148]) % 99)),
    "a wrong checksum": entry(checksum=b"000000\0 "),
    "an end in the middle": END,
    "a block of zeros in the middle": bytes(512),
}  # fmt: skip


@pytest.mark.parametrize("member", ODD.values(), ids=ODD)
def test_at_anything_else_the_walk_stops_and_the_members_stay_those_of_tarfile(tmp_path, member):
    start = entry(b"before") + entry(b"before too")
    tar = start + member + entry(b"behind") + END
    members, walk = walked([tar])
    assert members == by_tarfile(start + END)
    assert walk.stopped
    assert walk.rest == tar[len(start) :]
    assert read(tmp_path / "a.tar", tar) in (by_tarfile(tar), None)


def mutated(rng):
    """Pack plain and odd members by hand, and alter some bytes whose checksum is then set right."""
    members = [*PLAIN.values()] * 3 + [*ODD.values()]
    chosen = [entry(rng.randbytes(rng.choice((0, 7, 512, 700)))), *rng.choices(members, k=3)]
    rng.shuffle(chosen)
    tar = bytearray(b"".join(chosen) + END)
    for _ in range(rng.choice((0, 0, 1, 2))):
        tar[rng.randrange(len(tar) - len(END))] = rng.choice(
            (0, 32, 48, 49, 55, rng.randrange(256))
        )
    return with_checksums(bytes(tar))


def with_checksums(tar):
    """Set the checksum right in whatever looks like a header."""
    tar = bytearray(tar)
    for at in range(0, len(tar) - 511, 512):
        if tar[at + 257 : at + 262] == b"ustar":
            tar[at + 148 : at + 156] = b" " * 8
            tar[at + 148 : at + 156] = b"%06o\0 " % sum(tar[at : at + 512])
    return bytes(tar)


def test_mutated_archives_have_the_members_that_tarfile_gives_or_are_refused(tmp_path):
    rng, accepted = random.Random(0), []
    for _ in range(1500):
        tar = mutated(rng)
        members = read(tmp_path / "a.tar", tar)
        accepted.append(members is not None)
        assert members is None or members == by_tarfile(tar)
    assert 0.2 < np.mean(accepted) < 0.8


@given(st.integers(0, 511), st.integers(1, 255))
def test_an_altered_byte_of_a_header_is_noticed_unless_it_says_nothing_else(where, change):
    tar = bytearray(entry() + END)
    tar[where] ^= change
    members, walk = walked([bytes(tar)])
    assert walk.stopped
    assert members == [] or 154 <= where < 156  # the end of the checksum, a zero or a space
    assert members in ([], by_tarfile(entry() + END))

"""The prepared file opens with joblib; our reader runs nothing of what a pickle asks for."""

import operator
import os
import pickle
import pickletools
import struct
import subprocess
from pathlib import Path

import joblib
import numpy as np
import pytest
from archives import noise
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from joblib.numpy_pickle import NumpyArrayWrapper

from notmnist import NotMNISTError, pickling

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ARRAYS = {
    "images": np.array([noise(i) for i in range(20)]),
    "labels": np.arange(20, dtype=np.uint8),
    "font_names": np.array(["a.ttf", "\u00e9\u4e16.otf"]),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "letters.joblib"


@pytest.fixture
def written(path):
    pickling.write(ARRAYS, path)
    return path


def refusal(path, content=None):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotMNISTError) as caught:
        pickling.read(path, mmap_mode="r")
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert "prepare the dataset again" in message
    return message


def same(one, other):
    if one.keys() != other.keys():
        return False
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_anybody_can_open_the_file_with_joblib(written):
    loaded = joblib.load(written, mmap_mode="r")
    assert same(loaded, ARRAYS)
    assert type(loaded) is dict
    assert all(isinstance(array, np.memmap) for array in loaded.values())


def test_our_reader_reads_into_memory_or_maps_the_file(written):
    in_memory, mapped = pickling.read(written), pickling.read(written, mmap_mode="r")
    assert same(in_memory, ARRAYS)
    assert same(mapped, ARRAYS)
    assert not any(isinstance(array, np.memmap) for array in in_memory.values())
    assert all(isinstance(array, np.memmap) for array in mapped.values())
    assert not any(array.flags.writeable for array in mapped.values())


def test_the_file_is_hardly_larger_than_its_arrays(written):
    assert written.stat().st_size < sum(array.nbytes for array in ARRAYS.values()) + 2000


plain = st.sampled_from(["u1", "i1", "<i4", ">i4", "<f8", ">f4", "b1", "<U3", "S3"]).flatmap(
    lambda code: arrays(code, array_shapes(min_dims=0, min_side=0, max_side=4))
)


@given(st.dictionaries(st.text(), plain | plain.map(np.asfortranarray)), st.booleans())
def test_arrays_of_numbers_and_text_come_back_as_they_were(tmp_path_factory, named, mapped):
    path = tmp_path_factory.mktemp("arrays") / "arrays.joblib"
    pickling.write(named, path)
    back = pickling.read(path, mmap_mode="r" if mapped else None)
    assert back.keys() == named.keys()
    for name, array in named.items():
        assert back[name].shape == array.shape
        assert back[name].tolist() == array.tolist() or np.isnan(array.astype(complex)).any()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_containers_are_read_at_every_protocol(path, protocol):
    value = {"a": [1, -(2**70), 2.5, None, True], "b": ("text", b"bytes"), "c": {"d": {}}}
    path.write_bytes(pickle.dumps(value, protocol))
    if protocol < 3:  # they have no bytes, and call a codec instead
        assert "_codecs.encode" in refusal(path)
        path.write_bytes(pickle.dumps(value | {"b": ("text",)}, protocol))
        assert pickling.read(path) == value | {"b": ("text",)}
    else:
        assert pickling.read(path) == value


@pytest.mark.parametrize("tenth", range(10))
def test_a_file_cut_short_is_refused(written, tenth):
    content = written.read_bytes()
    refusal(written, content[: len(content) * tenth // 10])


def test_what_is_no_file_is_refused(tmp_path):
    refusal(tmp_path / "missing.joblib")
    refusal(tmp_path)


class Call:
    """Pickle as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


ATTACKS = {
    "os.system": lambda marker: Call(os.system, f"touch {marker}"),
    "eval": lambda marker: Call(eval, f"open({marker!r}, 'w')"),
    "exec": lambda marker: Call(exec, f"open({marker!r}, 'w')"),
    "open": lambda marker: Call(open, marker, "w"),
    "check_call": lambda marker: Call(subprocess.check_call, ["touch", marker]),
    "methodcaller": lambda marker: Call(operator.methodcaller("touch"), Path(marker)),
    "joblib.dump": lambda marker: Call(joblib.dump, 0, marker),
    "numpy.save": lambda marker: Call(np.lib.format.open_memmap, marker, "w+", "u1", (1,)),
}


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


def bites(content, marker):
    """Check that Python's own reader falls for it, so that our refusal means something."""
    pickle.loads(content)
    marker.unlink()
    return content


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_code_in_a_pickle_is_not_run(path, marker, attack, protocol):
    value = {"images": [1, (attack(str(marker)),)]}
    content = bites(pickle.dumps(value, protocol), marker)
    assert "it asks for" in refusal(path, content)
    assert not marker.exists()


OPCODES = {
    "instance": "(S'touch {}'\nios\nsystem\n.",
    "object": "(cos\nsystem\nS'touch {}'\no.",
    "nested calls": "c__builtin__\ngetattr\n(c__builtin__\n__import__\n(S'os'\ntRS'mknod'\ntR"
    "(S'{}'\ntR.",
    "state of a module": "c__builtin__\nexec\n(S'open(\"{}\", \"w\")'\ntR(S'x'\nI1\nd0.",
}


@pytest.mark.parametrize("opcodes", OPCODES.values(), ids=OPCODES)
def test_code_in_opcodes_that_python_never_writes_is_not_run(path, marker, opcodes):
    refusal(path, bites(opcodes.format(marker).encode(), marker))
    assert not marker.exists()


def test_code_in_an_array_of_objects_is_not_run(path, marker):
    joblib.dump({"images": np.array([Call(os.system, f"touch {marker}")], object)}, path)
    joblib.load(path)
    marker.unlink()
    assert "such as Python objects" in refusal(path)
    assert not marker.exists()


def wrapper(data=b"ab", **attributes):
    """Pickle joblib's array wrapper with any attributes, and data behind it."""
    array = NumpyArrayWrapper(np.ndarray, (2,), "C", np.dtype("u1"), allow_mmap=True)
    vars(array).update(attributes)
    return pickle.dumps(array, 2)[:-1] + b"\x01\xff" + data + b"."


class Forged:
    """Pickle as a dtype in a state of one's own."""

    def __init__(self, code, *state):
        self.call = np.dtype, (code, False, True), state

    def __reduce__(self):
        return self.call


def test_a_wrapper_made_by_hand_is_read_when_it_is_right(path):
    path.write_bytes(wrapper())
    assert pickling.read(path).tolist() == [97, 98]


WRONG = {
    "shape beyond the file": {"shape": (10**12,)},
    "shape beyond any number": {"shape": (2**62, 2**62)},
    "negative shape": {"shape": (-1,)},
    "shape of floats": {"shape": (2.0,)},
    "list as a shape": {"shape": [2]},
    "no shape": {"shape": None},
    "text as a dtype": {"dtype": "u1"},
    "objects": {"dtype": np.dtype("O")},
    "fields": {"dtype": np.dtype("u1,u1")},
    "fields of objects": {"dtype": np.dtype("u1,O")},
    "raw memory": {"dtype": np.dtype("V8")},
    # Its flags deny that it holds objects: the data would be followed as addresses.
    "objects in disguise": {"dtype": Forged("O8", 3, "|", None, None, None, -1, -1, 0)},
    "text of no length": {"dtype": np.dtype("U0")},
    "another class": {"subclass": np.matrix},
    "no class": {"subclass": None},
    "another attribute": {"read": None},
}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("attributes", WRONG.values(), ids=WRONG)
def test_an_array_that_is_not_plain_is_refused_before_its_data_are_read(path, attributes, mapped):
    refusal(path, wrapper(bytes(range(1, 17)), allow_mmap=mapped, **attributes))


def test_a_pickle_cannot_alter_joblibs_class(path):
    before = dict(vars(NumpyArrayWrapper))
    refusal(path, b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n(N(S'read'\nNdtb.")
    assert dict(vars(NumpyArrayWrapper)) == before


NESTED = b"(t\x94" + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(60))
BOMBS = {
    "nested tuples as a key": b"}" + NESTED + b"Ns.",
    "nested tuples as a key among others": b"}(" + NESTED + b"Nu.",
    "nested tuples as a key of old": b"(" + NESTED + b"Nd.",
    "set of nested tuples": b"\x8f(" + NESTED + b"\x90.",
    "frozen set of nested tuples": b"(" + NESTED + b"\x91.",
    "array given nested tuples as an index": wrapper()[:-1] + b"\x94" + NESTED + b"Ns.",
    "terabyte of zeros": b"\x96" + struct.pack("<Q", 2**40) + b".",
    "terabyte of bytes": b"\x8e" + struct.pack("<Q", 2**40) + b".",
    "terabyte of an array": b"cnumpy\nndarray\n(I1099511627776\ntR.",
    "dtype of doubled fields": b"cnumpy\ndtype\n(" + NESTED + b"tR.",
    "number of 5000 digits": b"L" + b"9" * 5000 + b"L\n.",
    "name of two lines": b"\x8c\x04a\nb\n\x8c\x01c\x93.",
    "name from outside": b"Pmarker\n.",
    "extension": b"\x82\x01.",
    "buffer from outside": b"\x97.",
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_pickle_made_to_hang_or_to_fill_the_memory_is_refused(path, content):
    refusal(path, b"\x80\x05" + content)


OPCODE_BYTES = sorted(opcode.code.encode("latin-1") for opcode in pickletools.opcodes)
PIECES = st.sampled_from(
    [*OPCODE_BYTES, b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"S'u1'\n", b"K\x01", b"\x85R"]
) | st.binary(max_size=3)


@given(st.lists(PIECES).map(b"".join))
def test_any_opcodes_end_in_a_value_or_a_plain_refusal(tmp_path_factory, opcodes):
    read_or_refuse(tmp_path_factory.mktemp("opcodes"), opcodes + b".")


@given(st.integers(0, 600), st.binary(max_size=4), st.integers(0, 4))
def test_any_alteration_of_a_file_ends_in_a_value_or_a_plain_refusal(
    tmp_path_factory, start, junk, length
):
    folder = tmp_path_factory.mktemp("altered")
    pickling.write({"labels": np.arange(99), "names": np.array(["a"])}, folder / "right.joblib")
    content = (folder / "right.joblib").read_bytes()
    read_or_refuse(folder, content[:start] + junk + content[start + length :])


def read_or_refuse(folder, content):
    path = folder / "odd.joblib"
    path.write_bytes(content)
    try:
        pickling.read(path, mmap_mode="r")
    except NotMNISTError as error:
        assert "\n" not in str(error)

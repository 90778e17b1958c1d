"""Pickles of strangers: what is plain is read, and nothing of what they ask for is run."""

import io
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

import notmnist
from notmnist import NotMNISTError, read_pickle

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
ARRAYS = {
    "images": np.array([noise(i) for i in range(20)]),
    "labels": np.arange(20, dtype=np.uint8),
    "font_names": np.array(["a.ttf", "\u00e9\u4e16.otf"]),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "letters.pickle"


@pytest.fixture
def written(path):
    joblib.dump(ARRAYS, path)
    return path


def refusal(path, content=None):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotMNISTError) as caught:
        read_pickle(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert len(message) < len(str(path)) + 300
    return message


def same(one, other):
    if one.keys() != other.keys():
        return False
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_what_joblib_wrote_is_read_into_memory(written):
    read = read_pickle(written)
    assert same(read, ARRAYS)
    assert all(type(array) is np.ndarray and array.flags.writeable for array in read.values())


def test_a_prepared_dataset_that_somebody_sent_is_read(tmp_path):
    data = notmnist.load("openglyphs", home=tmp_path)
    read = read_pickle(tmp_path / "openglyphs.joblib")
    assert list(read) == ["images", "labels", "font_index", "font_names", "font_families"]
    assert np.array_equal(read["images"][: len(data.train)], data.train.images)


plain = st.sampled_from(["u1", "i1", "<i4", ">i4", "<f8", ">f4", "b1", "<U3", "S3"]).flatmap(
    lambda code: arrays(code, array_shapes(min_dims=0, min_side=0, max_side=4))
)


@given(st.dictionaries(st.text(), plain | plain.map(np.asfortranarray)))
def test_arrays_of_numbers_and_text_come_back_as_they_were(tmp_path_factory, named):
    path = tmp_path_factory.mktemp("arrays") / "arrays.joblib"
    joblib.dump(named, path)
    back = read_pickle(path)
    assert back.keys() == named.keys()
    for name, array in named.items():
        assert back[name].shape == array.shape
        assert back[name].tolist() == array.tolist() or np.isnan(array.astype(complex)).any()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_containers_are_read_at_every_protocol(path, protocol):
    value = {"a": [1, -(2**70), 2.5, None, True], "b": ("text", b"bytes"), "c": {"d": {}}}
    path.write_bytes(pickle.dumps(value, protocol))
    assert read_pickle(path) == value


@pytest.mark.parametrize("dump", [joblib.dump, lambda arrays, path: path.write_bytes(
    pickle.dumps(arrays, 2))])  # fmt: skip
def test_arrays_that_share_a_dtype_of_another_byte_order_are_all_right(path, dump):
    array = np.arange(3, dtype=np.dtype(">i4"))
    dump([array, array[1:]], path)
    one, other = read_pickle(path)
    assert one.tolist() == [0, 1, 2]
    assert other.tolist() == [1, 2]


# As Python 2.7 and NumPy 1 write them: cPickle for the first, pickle for the second.
MINUS_INTS = b"J\xff\xff\xff\xff" * 2
COURSE = (
    b"\x80\x02}q\x01(U\rvalid_datasetq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03"
    b"cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x06"
    b"U\x02f4K\x00K\x01\x87Rq\x07(K\x03U\x01<NNN" + MINUS_INTS + b"K\x00tb\x89"
    b"U\x08\x00\x00\x00\xbf\x00\x00\x00?tbU\rtrain_datasetq\x08h\x03h\x04K\x00\x85U\x01b\x87Rq\t"
    b"(K\x01K\x02K\x01\x86h\x07\x89U\x08\x00\x00\x00?\x00\x00\x00\xbftbU\x0ctrain_labelsq\n"
    b"h\x03h\x04K\x00\x85U\x01b\x87Rq\x0b(K\x01K\x02\x85h\x06U\x02i4K\x00K\x01\x87Rq\x0c"
    b"(K\x03U\x01<NNN" + MINUS_INTS + b"K\x00tb\x89U\x08\x03\x00\x00\x00\t\x00\x00\x00tbu."
)  # fmt: skip
SEED = (
    b"\x80\x02}q\x00(U\x06test_Xq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\n"
    b"q\x03K\x00\x85q\x04U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x01K\x01\x86q\x08cnumpy\ndtype\nq\t"
    b"U\x02f8q\nK\x00K\x01\x87q\x0bRq\x0c(K\x03U\x01<q\rNNN" + MINUS_INTS + b"K\x00tq\x0eb\x89"
    b"U\x08\x00\x00\x00\x00\x00\x00\xf0\xbfq\x0ftq\x10bU\x0blabels_dictq\x11}q\x12(K\x00U\x01Aq\x13"
    b"K\x01U\x01Bq\x14uu."
)  # fmt: skip


def test_the_courses_layout_of_python_2_is_read(path):
    path.write_bytes(COURSE)
    read = read_pickle(path)
    assert {name: array.tolist() for name, array in read.items()} == {
        "valid_dataset": [[-0.5, 0.5]],
        "train_dataset": [[0.5], [-0.5]],
        "train_labels": [3, 9],
    }
    assert [array.dtype for array in read.values()] == ["f4", "f4", "i4"]
    assert same(read, pickle.loads(COURSE, encoding="latin1"))
    assert all(array.flags.writeable for array in read.values())


def test_the_seeds_layout_of_python_2_is_read(path):
    path.write_bytes(SEED)
    read = read_pickle(path)
    assert read == {"test_X": np.array([[-1.0]]), "labels_dict": {0: "A", 1: "B"}}
    assert read["test_X"].dtype == "f8"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("numpy", [1, 2])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("code", ["<f4", "<f8", ">i4", "u1", "b1", "<U3", "S3"])
def test_arrays_pickled_without_joblib_are_read_at_every_protocol(
    path, code, order, numpy, protocol
):
    arrays = {
        "train_X": np.arange(6).reshape(2, 3).astype(code, order),
        "every other": np.arange(6).astype(code)[::2],
        "scalar": np.array(1).astype(code),
        "empty": np.zeros((0, 3), code),
        "labels_dict": {0: "A", 255: np.zeros(10, code)},
    }
    content = pickle.dumps(arrays, protocol)
    if numpy == 1 and protocol < 4:  # later ones have frames of stated lengths
        content = content.replace(b"numpy._core", b"numpy.core")
    path.write_bytes(content)
    read = read_pickle(path)
    labels = read.pop("labels_dict"), arrays.pop("labels_dict")
    assert np.array_equal(*(label[255] for label in labels))
    assert same(read, arrays)
    assert [array.dtype for array in read.values()] == [code] * 4


def test_an_array_that_is_there_twice_is_read_once(path):
    array = np.arange(3)
    for protocol in PROTOCOLS:
        path.write_bytes(pickle.dumps([array, array], protocol))
        one, other = read_pickle(path)
        assert one is other
        assert one.tolist() == [0, 1, 2]


@pytest.mark.parametrize("tenth", range(10))
def test_a_file_cut_short_is_refused(written, tenth):
    content = written.read_bytes()
    refusal(written, content[: len(content) * tenth // 10])


def test_what_is_no_file_is_refused(tmp_path):
    refusal(tmp_path / "missing.joblib")
    refusal(tmp_path)


class Call:
    """Pickle as a call to any function."""

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
# Where an attack succeeds, nobody closes the file that it opens.
LEAVES_FILES_OPEN = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


def bites(content, marker):
    """Check that Python's own reader runs the code, so that our refusal means something."""
    pickle.loads(content)
    marker.unlink()
    return content


@LEAVES_FILES_OPEN
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_code_in_a_pickle_is_not_run(path, marker, attack, protocol):
    value = {"images": [1, (attack(str(marker)),)]}
    content = bites(pickle.dumps(value, protocol), marker)
    assert "it refers to" in refusal(path, content)
    assert not marker.exists()


OPCODES = {
    "instance": "(S'touch {}'\nios\nsystem\n.",
    "object": "(cos\nsystem\nS'touch {}'\no.",
    "nested calls": "c__builtin__\ngetattr\n(c__builtin__\n__import__\n(S'os'\ntRS'mknod'\ntR"
    "(S'{}'\ntR.",
    "state of a module": "c__builtin__\nexec\n(S'open(\"{}\", \"w\")'\ntR(S'x'\nI1\nd0.",
}


@LEAVES_FILES_OPEN
@pytest.mark.parametrize("opcodes", OPCODES.values(), ids=OPCODES)
def test_code_in_opcodes_that_python_never_writes_is_not_run(path, marker, opcodes):
    refusal(path, bites(opcodes.format(marker).encode(), marker))
    assert not marker.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("code", ["O", "u1,O"])
def test_code_in_an_array_of_objects_without_joblib_is_not_run(path, marker, code, protocol):
    array = np.zeros(1, code)
    array[0] = Call(os.system, f"touch {marker}") if code == "O" else (1, 2)
    if code == "u1,O":
        array["f1"] = Call(os.system, f"touch {marker}")
    content = bites(pickle.dumps({"train_X": array}, protocol), marker)
    assert "not one of numbers or text" in refusal(path, content)
    assert not marker.exists()


def test_code_in_an_array_of_objects_is_not_run(path, marker):
    joblib.dump({"images": np.array([Call(os.system, f"touch {marker}")], object)}, path)
    joblib.load(path)
    marker.unlink()
    assert "not one of numbers or text" in refusal(path)
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
    assert read_pickle(path).tolist() == [97, 98]


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
    "another order": {"order": "K"},
    "no order": {"order": None},
    "another class": {"subclass": np.matrix},
    "no class": {"subclass": None},
    "another attribute": {"read": None},
}


def reconstructed(**changes):
    """Pickle an array as numpy does at protocols 0 to 4, of any parts."""
    parts = {"version": 1, "shape": (2,), "dtype": np.dtype("u1"), "order": False, "data": b"ab"}
    array = Call(RECONSTRUCT, changes.pop("kind", np.ndarray), (0,), b"b")
    array.call += (tuple((parts | changes).values()),)
    return pickle.dumps(array)


def from_buffer(**changes):
    """Pickle an array as numpy does at protocol 5, of any parts."""
    parts = {"data": b"ab", "dtype": np.dtype("u1"), "shape": (2,), "order": "C"}
    return pickle.dumps(Call(FROM_BUFFER, *(parts | changes).values()))


U1 = b"cnumpy\ndtype\n(U\x02u1tR(K\x03U\x01|tb"
RECONSTRUCT = np.zeros(1).__reduce__()[0]
FROM_BUFFER = np.zeros(1).__reduce_ex__(5)[0]
SHAPES = ("shape beyond the file", "shape beyond any number", "negative shape", "shape of floats",
          "list as a shape", "no shape")  # fmt: skip
WRONG_PARTS = {name: WRONG[name] for name in WRONG if name in SHAPES or "dtype" in WRONG[name]} | {
    "too few bytes": {"data": b"a"},
    "too many bytes": {"data": b"abc"},
    "no bytes": {"data": None},
    "number for bytes": {"data": 2},
    "list for bytes": {"data": [1, 2]},
    "text of no bytes": {"data": "\u4e16\u754c"},
    "text of more bytes": {"data": "\u00e9\u00e9\u00e9"},
    "shape of truths": {"shape": (True, True), "data": b"a"},
    "more dimensions than numpy has": {"shape": (1,) * 65, "data": b"a"},
    "empty and endless": {"shape": (0, 2**62, 2**62), "data": b""},
    "objects of no data": {"dtype": np.dtype("O"), "shape": (0,), "data": b""},
}


def test_arrays_of_right_parts_are_read(path):
    for content in (reconstructed(), from_buffer(), reconstructed(data="ab")):
        path.write_bytes(content)
        assert read_pickle(path).tolist() == [97, 98]


LAYOUTS = (reconstructed, from_buffer)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("parts", WRONG_PARTS.values(), ids=WRONG_PARTS)
def test_an_array_of_wrong_parts_is_refused(path, parts, layout):
    refusal(path, layout(**parts))


@pytest.mark.parametrize(
    "content",
    [
        reconstructed(version=2),
        reconstructed(order="C"),
        reconstructed(kind=np.matrix),
        reconstructed(kind=np.memmap),
        from_buffer(order="K"),
        from_buffer(order=("C",)),
        pickle.dumps(Call(RECONSTRUCT, np.ndarray, (0,), b"b")),
        pickle.dumps(np.dtype("u1")),
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(K\x00tU\x01btR.",
        b"cnumpy\nndarray\n.",
        b"cnumpy\ndtype\n.",
        b"c_codecs\nencode\n(U\x03abcU\x03hextR.",
        b"c__builtin__\nbytes\n(M\xe8\x03tR.",
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR.",
    ],
)
def test_what_is_not_plain_is_refused(path, content):
    refusal(path, content)


@pytest.mark.parametrize("attributes", WRONG.values(), ids=WRONG)
def test_an_array_that_is_not_plain_is_refused_before_its_data_are_read(path, attributes):
    refusal(path, wrapper(bytes(range(1, 17)), **attributes))


def test_a_pickle_cannot_alter_joblibs_class(path):
    before = dict(vars(NumpyArrayWrapper))
    refusal(path, b"cjoblib.numpy_pickle\nNumpyArrayWrapper\nN}U\x04readNs\x86b.")
    assert dict(vars(NumpyArrayWrapper)) == before


NESTED = b"(t\x94" + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(60))
DOUBLED = b")q\xff" + b"h\xff\x86q\xff" * 60
BOMBS = {
    "nested tuples as a key": b"}" + NESTED + b"Ns.",
    "nested tuples as a key among others": b"}(" + NESTED + b"Nu.",
    "set of nested tuples": b"\x8f(" + NESTED + b"\x90.",
    "frozen set of nested tuples": b"(" + NESTED + b"\x91.",
    "array given nested tuples as an index": wrapper()[:-1] + b"\x94" + NESTED + b"Ns.",
    "terabyte of zeros": b"\x96" + struct.pack("<Q", 2**40) + b".",
    "large number as a key": b"}J\x00\x01\x00\x00Ns.",
    "number below nothing as a key": b"}J\xff\xff\xff\xffNs.",
    "nested tuples as a codec": b"c_codecs\nencode\n(X\x01\x00\x00\x00a" + NESTED + b"tR.",
    "nested tuples as a byte order": b"cnumpy\ndtype\n(U\x02u1tR(K\x03" + NESTED + b"tb.",
    "nested tuples as an order": wrapper(order="x").replace(b"X\x01\x00\x00\x00x", DOUBLED),
    "shape of huge numbers": b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
    b"\x8c\x08subclasscnumpy\nndarray\n\x8c\x05dtype"
    + U1
    + b"\x8c\x05shape(\x8b\xe8\x03\x00\x00"
    + b"\x7f" * 1000
    + b"\x94"
    + b"h\x00" * 1000
    + b"tub.",
    "terabyte of bytes": b"\x8e" + struct.pack("<Q", 2**40) + b".",
    "terabyte of an array": b"cnumpy\nndarray\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.",
    "dtype of doubled fields": b"cnumpy\ndtype\n(" + NESTED + b"tR.",
    "name of two lines": b"\x8c\x04a\nb\n\x8c\x01c\x93.",
    "name from outside": b"Pmarker\n.",
    "extension": b"\x82\x01.",
    "buffer from outside": b"\x97.",
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_pickle_made_to_hang_or_to_fill_the_memory_is_refused(path, content):
    refusal(path, b"\x80\x05" + content)


THOUSAND = b"X\xe8\x03\x00\x00" + b"a" * 1000
COPIES = {
    "of a text as bytes": b"c_codecs\nencode\n\x94" + THOUSAND + b"\x8c\x06latin1\x86\x94",
    "of an array": b"cnumpy.core.numeric\n_frombuffer\n\x94("
    + THOUSAND
    + U1
    + b"M\xe8\x03\x85\x8c\x01Ct\x94",
}


@pytest.mark.parametrize("call", COPIES.values(), ids=COPIES)
def test_a_pickle_that_asks_for_more_copies_than_it_has_bytes_is_refused(path, call):
    content = b"\x80\x05](" + call + b"h\x00h\x01R" * 100 + b"e."
    assert "its arrays are larger than the file" in refusal(path, content)


def pickled(value):
    """Pickle a value by joblib and by every protocol."""
    joblib.dump(value, file := io.BytesIO())
    return [file.getvalue(), *(pickle.dumps(value, protocol) for protocol in PROTOCOLS)]


def plain_pickles():
    """Pickle arrays in every layout; tests/fuzz.py alters them."""
    arrays = {"images": np.zeros((2, 3), "u1", "F"), "names": np.array(["a", "bc"])}
    older = {"x": np.arange(3, dtype=">f8"), "labels_dict": {3: (b"ab", None, [2.5])}}
    return [*pickled(arrays), *pickled(older), COURSE, SEED]


def hostile_pickles(folder):
    """Gather what this module holds against the reader; what runs code leaves a marker."""
    marker = str(folder / "marker")
    code = [attack(marker) for attack in ATTACKS.values()]
    parts = [layout(**parts) for layout in LAYOUTS for parts in WRONG_PARTS.values()]
    return [
        *pickled(code),
        *pickled(np.array(code)),
        *parts,
        *(opcodes.format(marker).encode() for opcodes in OPCODES.values()),
        *(wrapper(**attributes) for attributes in WRONG.values()),
        *(b"\x80\x05" + bomb for bomb in BOMBS.values()),
        *(b"\x80\x05](" + call + b"h\x00h\x01R" * 100 + b"e." for call in COPIES.values()),
    ]


TOKENS = [
    *sorted(opcode.code.encode("latin-1") for opcode in pickletools.opcodes),
    U1, b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"U\x02u1", b"U\x02O8", b"K\x01", b"\x85R",
    b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy.core.numeric\n_frombuffer\n",
    DOUBLED, b"c_codecs\nencode\n", b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n", b"cos\nsystem\n",
]  # fmt: skip
PIECES = st.sampled_from(TOKENS) | st.binary(max_size=3)


@given(st.lists(PIECES).map(b"".join))
def test_any_opcodes_end_in_a_value_or_a_plain_refusal(tmp_path_factory, opcodes):
    read_or_refuse(tmp_path_factory.mktemp("opcodes"), opcodes + b".")


@given(st.integers(0, 600), st.binary(max_size=4), st.integers(0, 4))
def test_any_alteration_of_a_file_ends_in_a_value_or_a_plain_refusal(
    tmp_path_factory, start, junk, length
):
    folder = tmp_path_factory.mktemp("altered")
    joblib.dump({"labels": np.arange(99), "names": np.array(["a"])}, folder / "right.joblib")
    content = (folder / "right.joblib").read_bytes()
    read_or_refuse(folder, content[:start] + junk + content[start + length :])


def read_or_refuse(folder, content):
    path = folder / "odd.joblib"
    path.write_bytes(content)
    try:
        read_pickle(path)
    except NotMNISTError as error:
        assert "\n" not in str(error)

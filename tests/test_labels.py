"""Label spaces against the tables of the data sets, id by id."""

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, CITYSCAPES, CITYSCAPES_13, CITYSCAPES_16, VOC, VOID, LabelSpace

SPACES = [CITYSCAPES, CITYSCAPES_16, CITYSCAPES_13, CAMVID, VOC]

# trainId, name, labelId, RGB: the data set's own table.
CITYSCAPES_TABLE = """
0 road 7 128,64,128
1 sidewalk 8 244,35,232
2 building 11 70,70,70
3 wall 12 102,102,156
4 fence 13 190,153,153
5 pole 17 153,153,153
6 traffic_light 19 250,170,30
7 traffic_sign 20 220,220,0
8 vegetation 21 107,142,35
9 terrain 22 152,251,152
10 sky 23 70,130,180
11 person 24 220,20,60
12 rider 25 255,0,0
13 car 26 0,0,142
14 truck 27 0,0,70
15 bus 28 0,60,100
16 train 31 0,80,100
17 motorcycle 32 0,0,230
18 bicycle 33 119,11,32
"""
CITYSCAPES_ROWS = [line.split() for line in CITYSCAPES_TABLE.split("\n") if line]
CITYSCAPES_IGNORED = [-1, 0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30]


@pytest.mark.parametrize("row", CITYSCAPES_ROWS, ids=lambda row: row[1])
def test_cityscapes_class_is_the_data_sets_own(row):
    train_id, label_id = int(row[0]), int(row[2])
    assert CITYSCAPES.names[train_id] == row[1].replace("_", " ")
    assert CITYSCAPES.encode(np.array(label_id)) == train_id
    assert CITYSCAPES.palette[train_id] == tuple(int(c) for c in row[3].split(","))


@pytest.mark.fast
def test_cityscapes_knows_every_label_id_and_no_other():
    assert sorted(CITYSCAPES.ids) == list(range(-1, 34))
    assert sorted(raw for raw, train in CITYSCAPES.ids.items() if train == VOID) == CITYSCAPES_IGNORED
    assert len(CITYSCAPES_ROWS) + len(CITYSCAPES_IGNORED) == len(CITYSCAPES.ids)


def test_synthia_protocols_follow_the_published_indices():
    sixteen = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)
    thirteen = (0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)
    assert CITYSCAPES_16.indices_in(CITYSCAPES) == sixteen
    assert CITYSCAPES_13.indices_in(CITYSCAPES) == thirteen
    assert CITYSCAPES_13.indices_in(CITYSCAPES_16) == (0, 1, 2, *range(6, 16))
    assert not {"terrain", "truck", "train"} & set(CITYSCAPES_16.names)
    assert set(CITYSCAPES_16.names) - set(CITYSCAPES_13.names) == {"wall", "fence", "pole"}
    assert CITYSCAPES_16.subsets == {"13": CITYSCAPES_13.names}
    assert not any(space.subsets for space in (CITYSCAPES, CITYSCAPES_13, CAMVID, VOC))


@pytest.mark.parametrize("space", [CITYSCAPES_16, CITYSCAPES_13], ids=lambda s: s.name)
def test_a_cityscapes_subset_encodes_label_ids_as_renumbered_classes(space):
    label_ids = np.arange(-1, 34)
    parent, child = CITYSCAPES.encode(label_ids), space.encode(label_ids)
    for index, parent_index in enumerate(space.indices_in(CITYSCAPES)):
        np.testing.assert_array_equal(child == index, parent == parent_index)
        assert space.palette[index] == CITYSCAPES.palette[parent_index]
        assert space.groups[index] == CITYSCAPES.groups[parent_index]
        assert space.printed_groups[index] == CITYSCAPES.printed_groups[parent_index]
    assert (child == VOID).sum() == 35 - space.classes


def test_synthia_ids_of_the_sixteen_classes():
    """The 16-class ids of SYNTHIA's own table land on the classes of the same name."""
    by_name = dict(zip(CITYSCAPES_16.names, range(16), strict=True))
    expected = {
        "road": 0,
        "fence": 4,
        "vegetation": 8,
        "sky": 9,
        "person": 10,
        "rider": 11,
        "car": 12,
        "bus": 13,
    }
    assert expected.items() <= by_name.items()
    assert (by_name["motorcycle"], by_name["bicycle"]) == (14, 15)


@pytest.mark.fast
def test_camvid_is_the_segnet_tutorials():
    names = [
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ]
    colours = [
        *((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (0, 0, 192), (128, 128, 0)),
        *((192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192)),
    ]
    assert CAMVID.names == tuple(names)
    assert CAMVID.palette == tuple(colours)
    assert CAMVID.ids == {**{c: c for c in range(11)}, 11: VOID}


def test_voc_palette_and_ids():
    """The colours PASCAL VOC publishes, first eleven and last four written out."""
    head = [
        *((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)),
        *((128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0)),
    ]
    tail = [(128, 64, 0), (0, 192, 0), (128, 192, 0), (0, 64, 128)]
    assert list(VOC.palette[:11]) == head
    assert list(VOC.palette[-4:]) == tail
    assert VOC.ids == {**{c: c for c in range(21)}, 255: VOID}
    assert (VOC.names[0], VOC.names[15], VOC.names[20]) == ("background", "person", "tvmonitor")
    assert list(VOC.names[1:]) == sorted(VOC.names[1:])


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_space_is_whole(space):
    assert space.classes == len(space.names) == len(space.palette)
    assert len(set(space.palette)) == space.classes
    assert set(space.ids.values()) == {*range(space.classes), VOID}


def groups_by_name(space, groups):
    return {g: {n for n, of in zip(space.names, groups, strict=True) if of == g} for g in (1, 2, 3, 4, None)}


@pytest.mark.fast
def test_cityscapes_groups_are_the_printed_ones_and_ours_are_told_apart():
    printed = {
        1: {"sky"},
        2: {"building", "wall", "fence", "vegetation", "terrain"},
        3: {"road", "sidewalk", "train"},
        4: {"person", "rider", "car", "truck", "bus", "motorcycle", "bicycle"},
        None: {"pole", "traffic light", "traffic sign"},
    }
    assert groups_by_name(CITYSCAPES, CITYSCAPES.printed_groups) == printed
    assert None not in CITYSCAPES.groups
    assert all(p in (None, g) for p, g in zip(CITYSCAPES.printed_groups, CITYSCAPES.groups, strict=True))


def test_camvid_groups_are_the_printed_ones_and_ours_are_told_apart():
    printed = groups_by_name(CAMVID, CAMVID.printed_groups)
    assert printed[3] == {"road", "pavement", "sign"}
    assert printed[4] == {"car", "pedestrian", "bicyclist"}
    assert printed[None] == {"sky", "building", "pole", "tree", "fence"}
    assert CAMVID.groups == (1, 2, 2, 3, 3, 2, 3, 2, 4, 4, 4)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_encode_takes_every_integer_type(space, dtype):
    raw = [i for i in space.ids if np.iinfo(dtype).min <= i <= np.iinfo(dtype).max]
    encoded = space.encode(np.array(raw, dtype).reshape(1, -1))
    assert encoded.dtype == np.uint8
    assert encoded.shape == (1, len(raw))
    assert encoded[0].tolist() == [space.ids[i] for i in raw]


@given(
    ids=st.dictionaries(st.integers(-(2**15), 2**16 - 1), st.sampled_from([0, 1, 2, VOID]), min_size=1),
    raw=hnp.arrays(np.int64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.integers(-(2**40), 2**40)),
    data=st.data(),
)
def test_encode_is_the_map_and_refuses_the_rest(ids, raw, data):
    space = LabelSpace("any", ("a", "b", "c"), ((0, 0, 1), (0, 0, 2), (0, 0, 3)), ids)
    known = data.draw(hnp.arrays(np.int32, raw.shape, elements=st.sampled_from(sorted(ids))))
    np.testing.assert_array_equal(space.encode(known), np.vectorize(ids.get)(known))
    near = data.draw(st.integers(-(2**16), 2**17).filter(lambda i: i not in ids))
    for unknown in (near, *(i for i in raw.ravel().tolist() if i not in ids)):
        spoiled = known.astype(np.int64)
        spoiled.flat[0] = unknown
        with pytest.raises(InputError, match=f"labels: {unknown} not in label space 'any'"):
            space.encode(spoiled)


@pytest.mark.fast
def test_encode_names_place_ids_and_remedy_in_one_line():
    image = np.array([[0, 11, 12], [200, 12, 3]], np.uint8)
    with pytest.raises(InputError) as error:
        CAMVID.encode(image, origin="trainannot/0001TP.png")
    assert str(error.value) == (
        "trainannot/0001TP.png: 12, 200 not in label space 'camvid' (ids 0..11); "
        "give its raw label ids, or add these to the `ids` of a class, or to void where they mean no label"
    )


def test_encode_lists_at_most_eight_unknown_ids():
    with pytest.raises(
        InputError, match=r"labels: 21, 22, 23, 24, 25, 26, 27, 28, \.\.\. not .*ids 0\.\.20, 255\)"
    ):
        VOC.encode(np.arange(255, dtype=np.uint8))


def test_train_ids_are_not_label_ids():
    with pytest.raises(InputError, match="255 not in label space 'cityscapes'"):
        CITYSCAPES.encode(np.array([7, 255], np.uint8))


@pytest.mark.parametrize("image", [np.zeros((2, 2), np.float32), np.zeros(3, bool)], ids=str)
def test_encode_and_colorize_refuse_what_is_no_integer(image):
    with pytest.raises(InputError, match="give an array of integers"):
        CAMVID.encode(image)
    with pytest.raises(InputError, match="give an array of integers"):
        CAMVID.colorize(image)


def test_empty_and_scalar_images():
    assert CAMVID.encode(np.zeros((0, 4), np.int32)).shape == (0, 4)
    assert CAMVID.encode(np.array(11)) == VOID
    assert CAMVID.colorize(np.zeros((0, 4), np.uint8)).shape == (0, 4, 3)
    assert CAMVID.colorize(np.array(0)).tolist() == [128, 128, 128]


@pytest.mark.fast
@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_colours_lead_back_to_train_ids(space):
    ids = np.random.default_rng(0).integers(0, space.classes, (3, 5), np.int32)
    picture = space.colorize(ids)
    assert picture.shape == (3, 5, 3)
    assert picture.dtype == np.uint8
    matches = (picture[..., None, :] == np.array(space.palette)).all(-1)
    np.testing.assert_array_equal(matches.argmax(-1), ids)
    assert matches.sum() == ids.size
    assert space.colorize(np.full(2, VOID, np.uint8)).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("wrong", [-1, 11, 254, 256])
def test_colorize_refuses_other_ids(wrong):
    with pytest.raises(
        InputError, match=f"truth.png: {wrong} not a train id of 'camvid'; give 0..10, or 255"
    ):
        CAMVID.colorize(np.array([0, wrong]), origin="truth.png")


def test_subset_by_name_and_by_index_agree():
    by_name = CITYSCAPES.subset("few", ["car", "road"])
    assert by_name == CITYSCAPES.subset("few", [13, 0])
    assert by_name.names == ("car", "road")
    assert by_name.encode(np.array([26, 7, 8, -1])).tolist() == [0, 1, VOID, VOID]


def test_whole_subset_is_the_space():
    assert VOC.subset("voc", range(21)) == VOC


def test_subset_and_lookups_name_what_is_missing():
    with pytest.raises(InputError, match="'tram' is no class of 'camvid'; give one of sky, building"):
        CAMVID.index("tram")
    with pytest.raises(InputError, match=r"11 not a train id of 'camvid'; give 0\.\.10"):
        CAMVID.subset("x", [0, 11])
    with pytest.raises(InputError, match="'terrain' is no class of 'cityscapes-16'"):
        CITYSCAPES.indices_in(CITYSCAPES_16)
    with pytest.raises(InputError, match="occurs twice"):
        CAMVID.subset("x", ["sky", "sky"])


def test_another_data_sets_extra_id_is_one_replace_away():
    gta5 = dataclasses.replace(CITYSCAPES, name="gta5", ids={**CITYSCAPES.ids, 34: VOID})
    assert gta5.encode(np.array([34, 7])).tolist() == [VOID, 0]
    assert 34 not in CITYSCAPES.ids


GOOD = {"name": "x", "names": ("a", "b"), "palette": ((1, 2, 3), (4, 5, 6)), "ids": {0: 0, 1: 1}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": (), "palette": ()}, "0 classes; give 1 to 254"),
        ({"names": tuple(map(str, range(255)))}, "255 classes; give 1 to 254"),
        ({"names": ("a", "a")}, "occurs twice"),
        ({"palette": ((1, 2, 3),)}, "1 entries in palette; give 2"),
        ({"palette": ((1, 2, 3), (1, 2, 256))}, "three numbers 0..255"),
        ({"groups": (1, 2, 3)}, "3 entries in groups"),
        ({"groups": (1, 2), "printed_groups": (1,)}, "1 entries in printed_groups"),
        ({"groups": (1, 2), "printed_groups": (None, 3)}, "group 2 where 3 is printed"),
        ({"ids": {}}, "ids is empty"),
        ({"ids": {0: 2}}, "ids maps 0 to 2"),
        ({"ids": {70000: 0}}, "ids maps 70000 to 0"),
        ({"ids": {-32769: VOID}}, "ids maps -32769 to 255"),
        ({"subsets": {"two": ("a", "c")}}, "subset 'two' is \\('a', 'c'\\)"),
        ({"subsets": {"two": ("a", "a")}}, "subset 'two'"),
        ({"subsets": {"none": ()}}, "subset 'none'"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(change, message):
    LabelSpace(**GOOD)
    with pytest.raises(InputError, match=rf"label space 'x': .*{message}"):
        LabelSpace(**{**GOOD, **change})


def test_space_does_not_share_the_callers_dict():
    ids = {0: 0, 1: 1}
    space = LabelSpace(**{**GOOD, "ids": ids})
    ids[2] = 0
    with pytest.raises(InputError):
        space.encode(np.array([2]))


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_space_is_hashable_and_survives_copies_and_pickling(space):
    space.encode(np.array(list(space.ids)))  # so that its tables are there
    for twin in (pickle.loads(pickle.dumps(space)), copy.deepcopy(space), dataclasses.replace(space)):
        assert twin == space
        assert hash(twin) == hash(space)
    assert len(set(SPACES)) == len(SPACES)


def test_subsets_say_how_to_average_and_not_what_the_classes_are():
    averaged = dataclasses.replace(CITYSCAPES, subsets={"13": CITYSCAPES_13.names})
    assert averaged == CITYSCAPES
    assert hash(averaged) == hash(CITYSCAPES)
    assert averaged.subset("some", ["road", "wall"]).subsets == {}


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_description_is_json_and_holds_all_a_report_needs(space):
    facts = json.loads(json.dumps(space.description()))
    assert set(facts) == {"name", "names", "palette", "groups"}
    assert tuple(facts["names"]) == space.names
    assert tuple(tuple(colour) for colour in facts["palette"]) == space.palette
    assert (facts["groups"] and tuple(facts["groups"])) == space.groups

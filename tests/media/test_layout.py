"""The sizes of images are known before they are written; names that some system cannot read are refused."""

import random
import string

import pytest

from edge.media import image, layout
from edge.media.errors import MediaError
from tests.support import volume

LETTERS = string.ascii_uppercase + string.digits + "_"
LENGTHS = [0, 1, 2047, 2048, 2049, 9000]


def made_up_names(generator, count, folders):
    """Names of every length and depth, none of them a folder as well."""

    def part(most):
        return "".join(generator.choices(LETTERS, k=generator.randint(1, most)))

    places = [""] + ["/".join(part(8) for _ in range(generator.randint(1, 7))) + "/" for _ in range(folders)]
    found = {generator.choice(places) + part(8) + generator.choice(["", "." + part(3)]) for _ in range(count)}
    above = {name.rpartition("/")[0] for name in found}
    above |= {folder[:at] for folder in above for at in range(len(folder)) if folder[at] == "/"}
    return sorted(found - above)


@pytest.mark.parametrize("count, folders", [(1, 0), (40, 5), (700, 0), (500, 250)])
@pytest.mark.parametrize("udf", [False, True])
def test_an_image_has_the_size_that_was_reckoned_before(tmp_path, count, folders, udf):
    generator = random.Random(count)
    among = made_up_names(generator, count, folders)
    files = volume.leaves(tmp_path / "files", LENGTHS)
    made = [generator.choice(files)._replace(name=name) for name in among]
    sizes = layout.Sizes()
    for leaf in made:
        sizes.add(leaf.name, leaf.size)
    target = tmp_path / "volume.iso"
    volume.drained(image.write(made, target, "EDGE", udf))
    assert target.stat().st_size == sizes.image(udf)


@pytest.mark.parametrize(
    "name",
    ["dicomdir", "A" * 9, "A.TEXT", "A B", "../A", "/A", "A/", "", "Ä", "A.B/C", "A.", ".A", "1/2/3/4/5/6/7/8/9"],
)
def test_a_name_that_some_system_cannot_read_is_refused(name):
    with pytest.raises(MediaError, match="cannot be a name on a volume: up to 8 parts"):
        layout.Sizes().add(name, 1)


@pytest.mark.parametrize("names", [("A/B", "A/B"), ("A/B", "A"), ("A", "A/B"), ("A/B/C", "A/B")])
def test_two_entries_of_one_name_are_refused(names):
    sizes = layout.Sizes()
    sizes.add(names[0], 1)
    with pytest.raises(MediaError, match="give one of them another name"):
        sizes.add(names[1], 1)


def test_a_file_of_4_gb_is_refused_where_lengths_have_32_bits():
    with pytest.raises(MediaError, match="take files below 4 GiB"):
        layout.Sizes().add("A", 1 << 32)


@pytest.mark.parametrize("identifier", ["", "A" * 17, "edge", "A B", "A;1"])
def test_a_volume_identifier_that_is_no_file_set_id_is_refused(identifier):
    with pytest.raises(MediaError, match="1 to 16 characters of A-Z, 0-9 and _"):
        layout.check_volume(identifier)

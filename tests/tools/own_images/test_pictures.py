import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common import InputError
from tools.own_images.pictures import read_picture

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 9), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 9, 3), dtype=np.uint8)
LUMA = (COLOUR.astype(int) @ [299, 587, 114] + 500) // 1000
ROTATED = 6  # EXIF's orientation of a picture whose first row is the right side


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.png"


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_picture(path, None)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert len(line.splitlines()) == 1
    return line


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(COLOUR).resize((200, 160)).save(file, kind)
    return file.getvalue()


def test_grey_is_taken_as_it_is(path: Path) -> None:
    Image.fromarray(GREY).save(path)
    assert np.array_equal(read_picture(path, None), GREY)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colour_becomes_its_luma(path: Path, mode: str) -> None:
    image = Image.fromarray(COLOUR)
    if mode == "P":  # 54 colours, all of them in the palette
        image = image.quantize(256)
        assert np.array_equal(np.asarray(image.convert("RGB")), COLOUR)
    image.convert(mode).save(path)
    assert np.array_equal(read_picture(path, None), LUMA)


def test_black_and_white_become_0_and_255(path: Path) -> None:
    Image.fromarray(GREY > 127).save(path)
    assert np.array_equal(read_picture(path, None), np.where(GREY > 127, 255, 0))


def test_of_16_bits_the_upper_8_are_taken(path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 256 + 255).save(path)
    assert np.array_equal(read_picture(path, None), GREY)


def test_rotation_that_a_camera_notes_is_carried_out(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    Image.fromarray(GREY).save(path, exif=exif)
    assert np.array_equal(read_picture(path, None), np.rot90(GREY, -1))


def test_of_a_cameras_several_pictures_in_a_jpeg_the_first_is_taken(tmp_path: Path) -> None:
    first, second = np.full((16, 16), 200, np.uint8), np.full((16, 16), 50, np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(first).save(path, "MPO", save_all=True, append_images=[Image.fromarray(second)])
    assert np.array_equal(read_picture(path, None), first)


def test_content_decides_not_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "a.JPEG"
    Image.fromarray(GREY).save(path, "PNG")
    assert np.array_equal(read_picture(path, None), GREY)


def test_size_scales_both_sides_from_all_pixels(path: Path) -> None:
    picture = np.zeros((40, 60), np.uint8)
    picture[:, 30:] = 255
    picture[::2] //= 2  # every other row half as bright, which one row of four alone would not show
    Image.fromarray(picture).save(path)
    read = read_picture(path, 10)
    assert read.shape == (10, 10)
    assert read[:, :4].max() == 0
    assert np.abs(read[:, 6:].astype(float) - 0.75 * 255).max() < 10  # single rows are 64 off
    assert np.array_equal(read_picture(path, 10), read)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "I;16"])
def test_transparent_pixels_are_refused_whatever_tells_them(path: Path, mode: str) -> None:
    if mode in ("RGBA", "LA"):
        image = Image.fromarray(COLOUR).convert(mode)
        image.putpixel((2, 3), (*image.getpixel((2, 3))[:-1], 254))  # type: ignore[index]
        image.save(path)
    elif mode == "I;16":
        Image.fromarray(GREY.astype(np.uint16) * 256).save(path, transparency=int(GREY[0, 0]) * 256)
    else:
        image = Image.fromarray(COLOUR).quantize(256) if mode == "P" else Image.fromarray(GREY)
        value = image.getpixel((0, 0))
        assert isinstance(value, int)
        image.save(path, transparency=value)
    assert "is transparent in places" in refusal(path)


def test_animation_is_refused(path: Path) -> None:
    Image.fromarray(GREY).save(path, save_all=True, append_images=[Image.fromarray(255 - GREY)])
    assert "is animated" in refusal(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_cut_picture_is_refused_wherever_the_cut_is(path: Path, kind: str) -> None:
    whole = encoded(kind)
    for length in [0, 1, 3, 10, 40, *range(100, len(whole) - 13, 997)]:  # 12 bytes end a PNG, 2 a JPEG
        path.write_bytes(whole[:length])
        assert "not read as a whole PNG or JPEG picture (" in refusal(path)


def test_damaged_picture_is_refused(path: Path) -> None:
    content = bytearray(encoded("PNG"))
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "not read as a whole PNG or JPEG picture (broken " in refusal(path)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_other_kinds_are_refused(path: Path, kind: str) -> None:
    path.write_bytes(encoded(kind))
    assert "not read as a whole PNG or JPEG picture (it is neither" in refusal(path)


def test_link_that_leads_nowhere_is_refused(path: Path) -> None:
    path.symlink_to("nothing")
    assert refusal(path).endswith("(No such file or directory)")


def test_picture_that_would_fill_the_memory_is_refused(path: Path) -> None:
    content = bytearray(encoded("PNG"))
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    assert "exceeds limit" in refusal(path)

from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest

from toolchain.calibration.archives import LIMITS, ArchiveLimits, archive_members, is_archive
from toolchain.errors import Code, DataError

FILES = {"b/2.bin": b"two", "b/1.bin": b"one", "note.txt": b""}
SMALL = ArchiveLimits(members=5, member_bytes=2000, total_bytes=5000, ratio=2, free_bytes=100)


def packed(path, files=FILES, edit=None):
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(edit(info) if edit else info, io.BytesIO(data))
    return path


def problems(path, limits=LIMITS):
    with pytest.raises(DataError) as caught:
        archive_members(path, limits)
    return caught.value.problems


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.TGZ", "a.zip"])
def test_members_in_order(tmp_path, name):
    path = packed(tmp_path / name)
    assert is_archive(path)
    members = archive_members(path)
    assert [member.name for member in members] == list(FILES)
    # Not in the order of the archive, and again.
    for member in (*members[::-1], members[0]):
        assert (member.read(), member.size) == (FILES[member.name], len(FILES[member.name]))
    assert members[0].where == f"{path}:b/2.bin"
    assert {item.name for item in tmp_path.iterdir()} == {name}


def test_a_packed_tar_under_the_name_of_a_plain_one(tmp_path):
    path = packed(tmp_path / "a.tgz").rename(tmp_path / "a.tar")
    assert archive_members(path)[1].read() == b"one"


def test_names_are_normalized_and_litter_left_out(tmp_path):
    names = ["./x/./1.bin", "__MACOSX/x/1.bin", "x/._1.bin", "y\\2.bin"]
    path = packed(tmp_path / "a.tar", dict.fromkeys(names, b"d"))
    assert [member.name for member in archive_members(path)] == ["x/1.bin", "y/2.bin"]


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "C:\\x", "\\\\host\\x", "..\\x"]
)
def test_members_that_lead_out(tmp_path, name, suffix):
    path = packed(tmp_path / f"a.{suffix}", {"fine.bin": b"", name: b"data"})
    (told,) = problems(path)
    assert (told.code, told.got) == (Code.ARCHIVE_UNSAFE, name)


def test_all_that_is_unsafe_is_told_together(tmp_path):
    def edit(info):
        if info.name == "link":
            info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
        elif info.name == "device":
            info.type, info.size = tarfile.CHRTYPE, 0
        return info

    files = {"../a": b"", "link": b"", "device": b"", "..": b""}
    found = problems(packed(tmp_path / "a.tar", files, edit))
    assert [told.got for told in found] == ["../a, ..", "link, device"]


def test_links_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    (told,) = problems(tmp_path / "a.zip")
    assert "no plain files" in told.message


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_bomb_is_found_before_it_goes_off(tmp_path, suffix):
    path = packed(tmp_path / f"a.{suffix}", {"zeros": bytes(1 << 20)})
    size = path.stat().st_size
    assert size < 5000
    archive_members(path)
    found = problems(path, ArchiveLimits(free_bytes=1 << 19))
    assert [told.code for told in found] == [Code.ARCHIVE_UNSAFE]
    assert "200 times its own size where they are more than 524288" in found[0].allowed


def test_limits(tmp_path):
    many = packed(tmp_path / "a.zip", {str(number): b"" for number in range(6)})
    assert [told.got for told in problems(many, SMALL)] == ["6"]
    large = packed(tmp_path / "b.tar", {"x": bytes(2001)})
    assert [told.allowed for told in problems(large, SMALL)] == ["2000 bytes each"]
    total = packed(tmp_path / "c.tar", {str(number): bytes(1500) for number in range(4)})
    assert [told.got.split()[2] for told in problems(total, SMALL)] == ["6000"]


def test_a_zip_that_lies_about_a_size(tmp_path):
    path = packed(tmp_path / "a.zip", {"x": bytes(1000)})
    # 1000 in the central directory and in the local header becomes 10.
    path.write_bytes(path.read_bytes().replace((1000).to_bytes(4, "little"), b"\x0a\0\0\0"))
    (member,) = archive_members(path)
    with pytest.raises(DataError) as caught:
        member.read()
    assert caught.value.code is Code.DATA_UNREADABLE


def test_two_members_of_one_name(tmp_path):
    (told,) = problems(packed(tmp_path / "a.tar", {"x/1.bin": b"1", "./x/1.bin": b"2"}))
    assert (told.code, told.got) == (Code.DATA_UNREADABLE, "x/1.bin")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
def test_archives_that_are_broken(tmp_path, suffix):
    whole = packed(tmp_path / f"whole.{suffix}", {"x": bytes(range(256)) * 40}).read_bytes()
    for number, data in enumerate((b"", b"no archive", whole[: len(whole) // 2])):
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(data)
        with pytest.raises(DataError) as caught:
            contents(path)
        assert caught.value.code is Code.DATA_UNREADABLE


def contents(path):
    return [member.read() for member in archive_members(path)]


def test_a_folder_is_no_archive(tmp_path):
    (tmp_path / "a.tar").mkdir()
    assert not is_archive(tmp_path / "a.tar")

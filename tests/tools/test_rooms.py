"""Arrows between the rooms of tools/ run one way: the commands on top use the rooms, a room itself and `common`."""

from tests.imports import imported, sources


def test_a_room_uses_itself_and_common_and_no_command_on_top() -> None:
    back = {}
    for file in sources("tools"):
        used = {path for path in imported(file, type_checking=True) if path.startswith("tools/")}
        rooms = (file.rpartition("/")[0], "tools/common")
        if file.count("/") > 1 and (others := {path for path in used if not path.startswith(rooms)}):
            back[file] = others
    assert back == {}

"""Merge keys are read as DVC reads them, or refused in a line that says where."""

import pytest
from dvc.utils.serialize import parse_yaml

from stages.common import InputError, read_yaml

TWO = "a: &a {k: 1, l: 2}\nb: &b {k: 3, m: 4}\n"
READ = {
    "keys that are merged": TWO + "c:\n  <<: *a\n  z: 0\n",
    "its own after the merged": TWO + "c:\n  <<: *a\n  k: 9\n",
    "its own before the merged": TWO + "c:\n  k: 9\n  <<: *a\n",
    "a list, of which the first has its way": TWO + "c:\n  <<: [*b, *a]\n",
    "the same twice in a list": TWO + "c:\n  <<: [*a, *a]\n",
    "a list by its name": "a: &a [{k: 1}, {k: 2}]\nc:\n  <<: *a\n",
    "what has merged itself": TWO + "c: &c\n  <<: *a\n  n: 5\nd:\n  <<: *c\n  l: 7\n",
    "in braces": TWO + "c: {<<: *a, k: 5}\n",
    "without an anchor": "c:\n  <<: {k: 1}\n  l: 2\n",
    "at the top": "<<: {k: 1}\nz: 2\n",
    "with a tag": TWO + "c:\n  !!merge <<: *a\n",
    "an anchor that is used again": "a: &a {k: 1}\nc:\n  <<: *a\nb: &a {k: 2}\nd:\n  <<: *a\n",
    "the two characters as a key of their own": TWO + "c:\n  '<<': *a\n",
    "YAML 1.1": "%YAML 1.1\n---\na: &a {k: 1}\nc:\n  <<: *a\n  n: 010\n",
}
REFUSED = {
    "a: &a 1\nc:\n  <<: *a\n": "line 1, column 4: expected a mapping or list of mappings for merging, but found scalar",
    "c:\n  <<:\n  k: 1\n": "line 3, column 3: expected a mapping or list of mappings for merging, but found scalar",
    TWO + "c:\n  <<: *a\n  <<: *b\n": 'line 5, column 3: found duplicate merge key "<<"',
    TWO + "c:\n  <<: *a\n  k: 1\n  k: 2\n": "line 6, column 3: key 'k' repeats",  # of which DVC takes the last
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")  # DVC's reading; ours says nothing
def test_merge_is_read_as_dvc_reads_it(text: str) -> None:
    assert repr(read_yaml(text, "params.yaml")) == repr(parse_yaml(text, "params.yaml"))


@pytest.mark.parametrize(("text", "said"), REFUSED.items())
def test_what_is_no_merge_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_yaml(text, "params.yaml")
    assert str(caught.value) == f"params.yaml: not readable as YAML: {said}"

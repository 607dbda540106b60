"""What a prompt template can reach, make and take: it may come from a stranger."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import jinja2
import pytest
from jinja2.runtime import BlockReference, Macro

from panel.errors import WorkspaceError
from panel.workspace.loading import check_rendering, load_workspace
from panel.workspace.prompts import load_prompts
from panel.workspace.render_budget import TooMuchError
from panel.workspace.sandbox import plain, render, template_environment
from panel.workspace.tools import Pricing, Tool
from tests.support.space import ROOT, Panel, Space

PICKLE = "cos\\nsystem\\n(S'touch pwned'\\ntR."


def rendered(folder: Path, source: str, **values: object) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "t.md.j2").write_text(source, encoding="utf-8")
    environment = template_environment(folder, {})
    return render(environment.get_template("t.md.j2"), **values)


def refusal(space: Space, source: str, name: str = "review") -> str:
    """Put a line at the end of a template; return the one thing that is said of it."""
    file = space.root / "prompts" / f"{name}.md.j2"
    file.write_text(file.read_text() + source, encoding="utf-8")
    with pytest.raises(WorkspaceError) as error:
        check_rendering(load_workspace(space.root))
    assert str(file) in str(error.value)
    return str(error.value)


# --- what it can reach ----------------------------------------------------------------------


def test_a_template_runs_no_shell_command(space: Space, panel: Panel) -> None:
    file = space.root / "prompts" / "review.md.j2"
    attack = f'{{{{ tool.parse_raw("{PICKLE}", proto="pickle", allow_pickle=true) }}}}'
    file.write_text(file.read_text() + attack, encoding="utf-8")
    told = panel("check", cwd=space.root)
    assert told.code == 2 and "Traceback" not in told.err
    assert not (space.root / "pwned").exists()


@pytest.mark.parametrize(
    "source",
    [
        "{{ tool.model_dump() }}",
        "{{ tool.__class__ }}",
        "{{ tool['__class__'] }}",
        "{{ tool.pricing.model_construct }}",
        "{{ tool.name.__class__.__mro__ }}",
        "{{ tool.name.format(1) }}",
        "{{ tool.name.encode('idna') }}",
        "{{ tool.update({'name': 'x'}) }}",
        "{{ tool.tags.append('x') }}",
        "{{ tool.released.strftime('%1000000000Y') }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ namespace(a=1).a }}",
        "{{ dict(a=1) }}",
        "{{ fenced }}",
        "{{ tool | attr('__class__') }}",
        "{{ ['a'] | map('attr', '__class__') | list }}",
        "{{ tool | pprint }}",
        "{{ tool.name | xmlattr }}",
        "{% for x in ['a'] %}{{ loop._iterable }}{% endfor %}",
        "{% for x in ['a'] %}{{ loop.__class__ }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m._func }}",
        "{% macro m() %}{{ caller.__code__ }}{% endmacro %}{% call m() %}{% endcall %}",
        "{% import 'macros.md.j2' as s %}{{ s._body_stream }}",
        "{% import 'macros.md.j2' as s %}{{ s.__dict__ }}",
    ],
)
def test_a_template_reads_the_fields_of_its_data_and_nothing_else(
    space: Space, source: str
) -> None:
    (space.root / "prompts" / "macros.md.j2").write_text("{% macro m() %}x{% endmacro %}")
    assert "Traceback" not in refusal(space, source)


# Every kind of value that a template can hold: how it is named, and in what frame if not in none.
VALUES = {
    "a dict": "tool",
    "an inner dict": "tool.pricing",
    "a text": "tool.name",
    "a list": "tool.tags",
    "a tuple": "(1, 2)",
    "a whole number": "(1)",
    "a number": "(1.5)",
    "a truth": "true",
    "nothing": "none",
    "a date": "tool.released",
    "an undefined name": "nowhere",
    "a generator": "(tool | items)",
    "a method": "tool.name.upper",
    "the global": "range",
    "a range": "range(3)",
    "a made text": "x",
    "a loop": "loop",
    "a loop that may call itself": "loop",
    "a macro": "m",
    "what a macro is given": "varargs",
    "what a macro is given by name": "kwargs",
    "a caller": "caller",
    "the template": "self",
    "a block": "self.b",
    "a block above": "super",
    "an imported template": "s",
    "an imported macro": "n",
}
FRAMES = {
    "a made text": "{% set x %}a{% endset %}@",
    "a loop": "{% for x in [1] %}@{% endfor %}",
    "a loop that may call itself": "{% for x in [1] recursive %}@{% endfor %}",
    "a macro": "{% macro m() %}{% endmacro %}@",
    "what a macro is given": "{% macro m() %}@{{ varargs }}{% endmacro %}{{ m(1) }}",
    "what a macro is given by name": "{% macro m() %}@{{ kwargs }}{% endmacro %}{{ m(a=2) }}",
    "a caller": "{% macro m() %}@{{ caller() }}{% endmacro %}{% call m() %}{% endcall %}",
    "the template": "{% block b %}{% endblock %}@",
    "a block": "{% block b %}{% endblock %}@",
    "a block above": "{% extends 'base.md.j2' %}{% block b %}@{% endblock %}",
    "an imported template": "{% import 'base.md.j2' as s %}@",
    "an imported macro": "{% from 'base.md.j2' import n %}@",
}
PLAIN = (str, int, float, bool, type(None), list, tuple, dict, date)
# What a template may call on a text, a dict, a date, a loop or a block; docs/prompts.md lists it.
METHODS = {
    *("capitalize", "endswith", "lower", "lstrip", "rstrip", "split", "splitlines"),
    *("startswith", "strip", "title", "upper"),
    *("get", "items", "keys", "values", "isoformat", "changed", "cycle"),
}
NAMES = {  # besides all that Python lists of a value
    *("__dict__", "__globals__", "__code__", "__self__", "__func__", "__wrapped__", "gi_frame"),
    *("_func", "_environment", "_stack", "_context", "_iterable", "_TemplateReference__context"),
    *("environment", "parse_raw", "format", "format_map", "mro", "append", "update", "pop"),
}
NOTHING = object()


@pytest.mark.slow
@pytest.mark.parametrize("kind", VALUES)
def test_no_attribute_of_any_value_leads_out_of_plain_data(tmp_path: Path, kind: str) -> None:
    """Tries every name that Python knows of the value, and of the methods that they lead to."""
    (tmp_path / "base.md.j2").write_text(
        "{% macro n() %}{% endmacro %}{% block b %}x{% endblock %}", encoding="utf-8"
    )
    waiting = [VALUES[kind]]
    for value in waiting:
        for name, made in reached(tmp_path, FRAMES.get(kind, "@"), value).items():
            word = name.strip(".[]'")
            if callable(made) and word in METHODS:
                if len(waiting) < 40:
                    waiting.append(f"{value}{name}")
            elif isinstance(made, Macro | BlockReference):
                assert word in ("n", "b")  # what the templates name so themselves
            else:
                assert made is NOTHING or isinstance(made, PLAIN), f"{value}{name}: {made!r}"


def reached(folder: Path, frame: str, value: str) -> dict[str, object]:
    """Return what each attribute of a value is inside a template; NOTHING where it is undefined."""
    found: dict[str, object] = {}

    def see(made: object, name: str) -> str:
        found[name] = NOTHING if isinstance(made, jinja2.Undefined) else made
        return ""

    environment = template_environment(folder, {"see": see})

    def look(*names: str) -> None:
        body = "".join(f'{{{{ {value}{name} | see("{name}") }}}}' for name in names)
        tool = {"name": "A", "tags": ["x"], "pricing": {"plans": []}, "released": date(2026, 1, 2)}
        render(environment.from_string(frame.replace("@", body)), tool=tool)

    look("")
    itself = found.pop("")  # a frame that shows the value nowhere fails here
    if itself is NOTHING:
        return found
    names = sorted(NAMES.union(dir(itself)))
    look(*(f".{name}" for name in names), *(f"['{name}']" for name in names))
    assert len(found) == 2 * len(names)
    return found


def test_a_template_changes_none_of_its_data(space: Space) -> None:
    refusal(space, "{% set x = tool.tags.extend(['x']) %}")
    refusal(space, "{% set x = tool.links.setdefault('x', 'y') %}")


def test_a_template_is_given_plain_data_only() -> None:
    tool = Tool(
        slug="a",
        name="A",
        tagline="t",
        category="c",
        description="d",
        tags=("x", "y"),
        pricing=Pricing(entry="Free"),
        released=date(2026, 1, 2),
    )
    seen = plain(tool)
    assert type(seen) is dict and type(seen["pricing"]) is dict and seen["tags"] == ["x", "y"]
    assert seen["released"] == date(2026, 1, 2)
    with pytest.raises(TypeError):
        plain(Path())


def test_a_misspelt_filter_is_named_with_the_one_that_was_meant(space: Space) -> None:
    assert "Did you mean 'upper'?" in refusal(space, "{{ tool.name | uper }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ tool.name.upper }}",
        "{{ range }}",
        "{{ [range] }}",
        "{{ {'a': (1, range)} }}",
        "{{ range ~ '' }}",
        "{{ [''.upper]|join }}",
        "{{ range|string }}",
        "{{ range|upper }}",
        "{{ {'a': 1}.items }}",
        "{{ self.last }}{% block last %}{% endblock %}",
        "{% macro m() %}{% endmacro %}{{ m }}",
    ],
)
def test_what_has_no_text_is_put_into_no_prompt(space: Space, source: str) -> None:
    """Python would write where it lies in memory, and each run would ask another question."""
    assert "into the text. Is '()' missing" in refusal(space, source)


@pytest.mark.parametrize(
    "importing",
    [
        "{% import 'counting.md.j2' as s %}{{ s.next() }}",
        "{% import 'counting.md.j2' as s with context %}{{ s.next() }}",
        "{% from 'counting.md.j2' import next %}{{ next() }}",
        "{% include 'including.md.j2' %}",
        "{% extends 'extended.md.j2' %}{% block b %}{{ n() }}{% endblock %}",
    ],
)
def test_a_template_remembers_nothing_of_an_earlier_rendering(
    tmp_path: Path, importing: str
) -> None:
    """The model would be asked another text than the one that the fingerprint is of."""
    counting = (
        "{% set counted = range(9)|unique %}{% macro next() %}{{ counted|first }}{% endmacro %}"
    )
    (tmp_path / "counting.md.j2").write_text(counting, encoding="utf-8")
    including = "{% import 'counting.md.j2' as s %}{{ s.next() }}"
    (tmp_path / "including.md.j2").write_text(including, encoding="utf-8")
    extended = "{% from 'counting.md.j2' import next as n %}{% block b %}{% endblock %}{{ n() }}"
    (tmp_path / "extended.md.j2").write_text(extended, encoding="utf-8")
    template = template_environment(tmp_path, {}).from_string(importing)
    first = render(template)
    assert first in ("0", "01") and {render(template) for _again in range(3)} == {first}


# --- where it can read ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../secret.md.j2", "deep/secret.md.j2", "plain.txt", "no.md.j2"])
def test_an_include_stays_in_its_folder(space: Space, name: str) -> None:
    (space.root / "secret.md.j2").write_text("KEPT OUT", encoding="utf-8")
    outside = space.root / "outside"
    outside.mkdir()
    (outside / "secret.md.j2").write_text("KEPT OUT", encoding="utf-8")
    prompts = space.root / "prompts"
    (prompts / "deep").symlink_to(outside, target_is_directory=True)
    (prompts / "plain.txt").write_text("KEPT OUT", encoding="utf-8")
    assert "KEPT OUT" not in refusal(space, f"{{% include {name!r} %}}")


@pytest.mark.parametrize("name", ["system.md.j2", "guidance.md.j2", "unread.j2"])
def test_no_file_of_the_prompts_is_a_link_that_leads_out(space: Space, name: str) -> None:
    file = space.root / "prompts" / name
    moved = space.root / file.name
    file.touch()
    file.rename(moved)
    file.symlink_to(moved)
    with pytest.raises(WorkspaceError, match="leads out of its folder"):
        load_workspace(space.root)


def test_a_link_to_the_whole_folder_is_fine(space: Space) -> None:
    (space.root / "prompts").rename(space.root / "shared-prompts")
    (space.root / "prompts").symlink_to(space.root / "shared-prompts", target_is_directory=True)
    check_rendering(load_workspace(space.root))


def test_an_include_within_the_folder_works(space: Space) -> None:
    (space.root / "prompts" / "more").mkdir()
    (space.root / "prompts" / "more" / "end.md.j2").write_text("The end of {{ tool.name }}.")
    file = space.root / "prompts" / "review.md.j2"
    file.write_text(file.read_text() + "{% include 'more/end.md.j2' %}")
    workspace = load_workspace(space.root)
    assert workspace.prompts.review_text(workspace.tools[0]).endswith("The end of Anvil.")


# --- what it can make and take --------------------------------------------------------------

DOUBLED = "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 40
BOMBS = {
    "a text times a number": '{{ "a" * 2000000000 }}',
    "a number times a text": '{{ 2000000000 * "a" }}',
    "a list times a number": "{{ ([1] * 2000000000) | length }}",
    "nested ranges": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "a long range": "{% for i in range(10 ** 12) %}{% endfor %}",
    "a long range as a list": "{{ range(10 ** 9) | list | length }}",
    "a loop over the letters": "{% for a in tool.description * 99 %}"
    "{% for b in tool.description * 99 %}{% for c in tool.description * 99 %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "doubled by ~": DOUBLED + "{{ a | length }}",
    "doubled by +": "{% set a = 'aaaaaaaa' %}" + "{% set a = a + a %}" * 40,
    "doubled by a block": "{% set a %}aaaaaaaa{% endset %}"
    + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40,
    "doubled by join": "{% set a = 'aaaaaaaa' %}" + "{% set a = [a, a] | join %}" * 40,
    "doubled by replace": "{% set a = 'aaaaaaaa' %}" + "{% set a = a | replace('a', 'aa') %}" * 40,
    "an empty text replaced": "{% set a = 'a' * 1000 %}{{ a | replace('', a * 900) }}",
    "lists in lists": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}",
    "dicts in dicts": "{% set a = {} %}" + "{% set a = {'x': a, 'y': a} %}" * 60 + "{{ a }}",
    "lists compared": "{% set a = [1] %}{% set b = [1] %}"
    + "{% set a = [a, a] %}{% set b = [b, b] %}" * 60
    + "{{ a == b }}",
    "a power": "{{ 10 ** 10 ** 10 }}",
    "a squared number": "{% set a = 10 %}" + "{% set a = a * a %}" * 60,
    "a number shifted by powers": "{{ 2 ** 255 * 2 ** 255 * 2 ** 255 }}",
    "a wide format": '{{ "%1000000000d" % 1 }}',
    "a wide format as a filter": '{{ "%1000000000d" | format(1) }}',
    "a wide centre": '{{ "a" | center(1000000000) }}',
    "a wide margin": '{{ "a" | indent(1000000000) }}',
    "a wide method": '{{ "a".ljust(1000000000) }}',
    "a macro that calls itself twice": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}"
    "{% endif %}{% endmacro %}{{ m(60) }}",
    "a loop that calls itself twice": "{% for x in [1, 1] recursive %}{% if loop.depth < 60 %}"
    "{{ loop([1, 1]) }}{% endif %}{% endfor %}",
    "an include of itself": "{% include 'review.md.j2' %}",
    "two includes of itself": "{% include 'review.md.j2' %}{% include 'review.md.j2' %}",
    "much text in small pieces": "{% for i in range(9999999) %}aaaaaaaa{% endfor %}",
    "a filter in a loop": "{% for i in range(9999999) %}{% set x = tool.description | upper %}"
    "{% endfor %}",
    "slices in a loop": "{% set a = 'a' * 900000 %}{% for i in range(9999999) %}"
    "{% set b = a[1:] %}{% endfor %}",
    "rounded up to many digits": "{{ 1.5 | round(10 ** 9, 'ceil') }}",
    "a whole number rounded to many": "{{ 5 | round(-(10 ** 9)) }}",
    "a list rounded up": "{{ [1] | round(8, 'ceil') }}",
    "a wide format as a test": "{{ '%1000000000d' is divisibleby(1) }}",
    "a wide format as odd": "{{ '%1000000000d' is odd }}",
    "large numbers divided": "{% set a = ('f' * 900000) | int(base=16) %}"
    "{% for i in range(9999) %}{% set b = a // (a // 2 ** 250) %}{% endfor %}",
    "large literals divided": "{{ 0x" + "f" * 3500 + " // 0x" + "f" * 1700 + " }}",
    "a large literal subtracted": "{{ 1 - 0x" + "f" * 3500 + " }}",
    "computed when compiled": "{% autoescape '%1000000000d' is even %}{% endautoescape %}",
    "many letters stripped": "{{ ('a' * 400000).strip('b' * 400000 ~ 'a') }}",
    "many letters trimmed": "{{ ('a' * 400000) | trim('b' * 400000 ~ 'a') }}",
    "sorted by a long way": "{{ range(3000) | list | sort(attribute='.' * 100000) }}",
    "unique by a long way": "{{ {'a': 1} | items | unique(attribute='.' * 9000000) | list }}",
    "what a macro is given, doubled": "{% macro m(n) %}{% if n %}{{ m(n - 1, varargs, varargs) }}"
    "{% else %}{{ {}[varargs] }}{% endif %}{% endmacro %}{{ m(60, 1, 1) }}",
    "many expressions": "{{ tool.name }}" * 3000,
    "many conditions": "".join(f"{{% set a{i} = 1 %}}" for i in range(900))
    + "{% if 1 %}{% endif %}" * 1500,
    "many characters": "x" * 200_001,
    "nested too deep for Python": "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
    "brackets too deep for Python": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "too many digits for Python": "{{ " + "9" * 5000 + " }}",
}


@pytest.mark.sample(20)
@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_a_template_that_makes_or_takes_too_much_is_refused(space: Space, source: str) -> None:
    """Without its bound each of these runs for hours or is killed; the timeout would stop it."""
    assert refusal(space, source)


REPEATED = {
    "a number sought in a list": "{% if 2 in long %}{% endif %}",
    "a number sought in vain": "{% if 2 not in long %}{% endif %}",
    "a list sought in a list": "{% if long in lists %}{% endif %}",
    "a number sought in a range": "{% if 2.5 in numbers %}{% endif %}",
    "a text sought in a text": "{% if 'b' in text %}{% endif %}",
    "a text sought in many": "{% if text in texts %}{% endif %}",
    "lists that are equal": "{% if long == same %}{% endif %}",
    "lists that are no different": "{% if long != same %}{% endif %}",
    "the smaller list": "{% if long < same %}{% endif %}",
    "a row of comparisons": "{% if long <= same >= long %}{% endif %}",
    "texts that are equal": "{% if text == texts[0] %}{% endif %}",
    "dicts that are equal": "{% if {} != of_lists != {} %}{% endif %}",
    "values of a dict": "{% if long in values %}{% endif %}",
    "sought by a test": "{% if 2 is in long %}{% endif %}",
    "compared by a test": "{% if long is eq(same) %}{% endif %}",
    "a list as lower case": "{% if long is lower %}{% endif %}",
    "looked up in a dict": "{% if {}[key] is defined %}{% endif %}",
    "what is not unique": "{% if i < 7 %}{% set a = long | unique | list %}{% endif %}",
}


@pytest.mark.parametrize("source", REPEATED.values(), ids=REPEATED.keys())
def test_what_is_compared_looked_up_or_tested_counts_by_its_size(
    tmp_path: Path, source: str
) -> None:
    source = (
        "{% macro m() %}{% set key = varargs %}{% set long = [1] * 30000 %}"
        "{% set same = [1] * 30000 %}{% set lists = [same] %}{% set of_lists = {1: same} %}"
        "{% set values = of_lists.values() %}{% set text = 'a' * 300000 %}"
        "{% set texts = ['a' * 300000] * 2 %}{% set numbers = range(30000) %}"
        f"{{% for i in range(400) %}}{source}{{% endfor %}}{{% endmacro %}}{{{{ m(*[1] * 999) }}}}"
    )
    with pytest.raises(TooMuchError, match="makes or does too much for one prompt"):
        rendered(tmp_path / "p", source)


def test_the_keys_of_a_dict_are_a_list_like_any_other(tmp_path: Path) -> None:
    source = "{{ {'a': 1}.keys() }} {{ {'a': 1}.items() | length }} {{ 1 in {'a': 1}.values() }}"
    assert rendered(tmp_path / "p", source) == "['a'] 1 True"
    with pytest.raises(TypeError):
        rendered(tmp_path / "p", "{{ {'a': 1}.keys() - ['a'] }}")


def test_many_words_may_be_sought_in_the_longest_description(tmp_path: Path) -> None:
    source = "{% if 'word' in text and text != '' %}{% endif %}" * 200
    assert rendered(tmp_path / "p", source, text="a " * 50_000) == ""


def test_a_row_of_comparisons_is_read_as_python_reads_it(tmp_path: Path) -> None:
    source = (
        "{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 3 == 3 in [3] }} {{ 2 < 1 < missing }} "
        "{% for i in [1, 2] %}{{ 1 < (2 if loop.changed(1) else 0) < 3 }} {% endfor %}"
        "{{ 1 != 1 }} {{ 2 <= 2 }} {{ 2 >= 3 }} {{ 'a' not in 'abc' }} {{ 1 in {1: 2} }}"
    )
    assert rendered(tmp_path / "p", source) == (
        "True False True False True False False True False False True"
    )


@pytest.mark.slow
def test_what_is_too_much_for_each_of_many_tools_is_refused_after_a_few(space: Space) -> None:
    """A rendering that stays below its own bound would hold up a catalog for hours."""
    for number in range(300):
        space.tool(f"tool-{number}")
    file = space.root / "prompts" / "review.md.j2"
    file.write_text(file.read_text() + "{% for i in range(200000) %}{% endfor %}")
    workspace = load_workspace(space.root)
    asked = 0
    with pytest.raises(WorkspaceError, match="more than 5 ms for each of many tools"):
        for tool in workspace.tools:
            workspace.prompts.review_text(tool)
            asked += 1
    assert 1 <= asked < len(workspace.tools)


@pytest.mark.parametrize("name", ["big.md.j2", "deep/review.md.j2"])
def test_an_included_template_has_the_same_bounds(space: Space, name: str) -> None:
    file = space.root / "prompts" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("{{ 1 }}" * 6000, encoding="utf-8")
    review = space.root / "prompts" / "review.md.j2"
    review.write_text(review.read_text() + f"{{% include {name!r} %}}", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=f"{name}:1: .*more than 5,000 expressions"):
        check_rendering(load_workspace(space.root))


def test_an_included_pipe_is_refused_and_not_waited_for(space: Space) -> None:
    (space.root / "prompts" / "deep").mkdir()
    os.mkfifo(space.root / "prompts" / "deep" / "review.md.j2")
    with pytest.raises(WorkspaceError, match=r"deep/review.md.j2: is not a plain file"):
        load_workspace(space.root)


def test_what_an_honest_template_uses_works(tmp_path: Path) -> None:
    source = (
        "{%- macro plan(p) %}{{ p.name | upper }}: {{ p.price }}{% endmacro -%}"
        "{% for p in plans %}{{ loop.index }}/{{ loop.length }} {{ plan(p) }}"
        "{{ ', ' if not loop.last }}{% else %}none{% endfor %}"
        "|{{ tags | sort | join(' + ') }}|{{ text[:5] ~ '...' }}|{{ text.split(' ') | length }}"
        "|{% for k, v in links.items() %}{{ k }}={{ v }}{% endfor %}|{{ links | dictsort }}"
        "|{{ day.year }}|{{ 7 * 6 }}|{{ 7 % 4 }}|{{ 2 ** 10 }}|{{ text | replace('o', '0') }}"
        "|{% set x %}a{% endset %}{{ x }}|{{ range(3) | list }}|{{ none is none }}"
        "|{{ plans[0]['price'] }}|{{ missing | default('nothing') }}|{{ '-' * 3 }}"
        "|{% if 'b' in tags %}yes{% endif %}|{{ 1.5 + 1 }}"
        "|{{ 7 is odd }}|{{ 7 is divisibleby(7) }}|{{ 1.25 | round(1, 'floor') }}|{{ 9 // 2 - 1 }}"
        "|{{ 'xax'.strip('x') }}|{{ 'xax' | trim('x') }}|{{ plans | sort(attribute='price') "
        "| first }}"
    )
    plans = [{"name": "free", "price": "0"}, {"name": "pro", "price": "$5"}]
    seen = rendered(
        tmp_path / "p",
        source,
        plans=plans,
        tags=["b", "a"],
        text="hello world",
        links={"docs": "https://d.example"},
        day=date(2026, 1, 2),
    )
    assert seen == (
        "1/2 FREE: 0, 2/2 PRO: $5|a + b|hello...|2|docs=https://d.example"
        "|[('docs', 'https://d.example')]|2026|42|3|1024|hell0 w0rld|a|[0, 1, 2]|True"
        "|0|nothing|---|yes|2.5"
        "|True|True|1.2|3|a|a|{'name': 'pro', 'price': '$5'}"
    )


def test_a_description_of_the_longest_kind_is_rendered(space: Space) -> None:
    space.tool("long", description="a " * 49_990)
    check_rendering(load_workspace(space.root))


def test_the_shipped_templates_make_what_they_made() -> None:
    workspace = load_workspace(ROOT)
    prompts = load_prompts(ROOT / "prompts")
    assert prompts.review_text(workspace.tools[0]).startswith("Review this tool.\n")

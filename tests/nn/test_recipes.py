# SPDX-License-Identifier: Apache-2.0
"""Recipes: the shipped ones can be built, and one that is wrong is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from xnorc.errors import XnorcError
from xnorc.nn import checkpoint
from xnorc.nn.recipe import load_recipe, parse_recipe, recipe_names, to_toml


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_name_networks_that_can_be_built_and_survive_a_round_trip(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(name, to_toml(recipe), name) == recipe
    shape = {"digits": (8, 8, 1), "mnist": (28, 28, 1)}.get(recipe.data, (32, 32, 3))
    for options in (recipe.network, recipe.teacher):
        if options:
            with torch.device("meta"):
                checkpoint.build_network(options, 10, shape)


# As the papers, their code, or what is recommended where they are silent, have it.
PUBLISHED = {
    "design": (
        {"name": "binarynet_vgg", "tile": "2x2v1", "surrogate": "identity", "pad_mode": "replicate"},
        "adam",
        1e-2,
        180,
    ),
    "sdbnn": ({"name": "resnet20", "weight": "wsd", "surrogate": "ede", "latent": "kaiming"}, "sgd", 0.11, 128),
    "dysign": ({"name": "reactnet", "weight": "scaled"}, "adam", 1e-3, 128),
    "lab": ({"name": "resnet18", "weight": "scaled"}, "adam", 2.5e-3, 256),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_papers_recipe_has_the_papers_values(name: str) -> None:
    network, optimiser, lr, batch = PUBLISHED[name]
    recipe = load_recipe(name)
    assert recipe.network.items() >= network.items()
    assert {(stage.optimiser, stage.lr, stage.batch) for stage in recipe.stages} == {(optimiser, lr, batch)}
    decays = {"design": [0.0], "sdbnn": [1e-4], "dysign": [1e-5, 0.0], "lab": [0.0]}
    assert [stage.weight_decay for stage in recipe.stages] == decays[name]
    epochs = {"design": [300], "sdbnn": [500], "dysign": [256, 256], "lab": [150]}
    assert [stage.epochs for stage in recipe.stages] == epochs[name]
    ends = {"design": 1e-4, "lab": 1e-6}
    assert {stage.lr_last for stage in recipe.stages} == {ends.get(name, 0.0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data = [", "not TOML"),
        ("speed = 3", "unknown key 'speed'"),
        ("title = 3", "title is 3"),
        ("title = 'x'", r"\[network\] has no name"),
        ("[network]\nname = 'digits'", r"no \[\[stage\]\]"),
        ("[network]\nname = 'digits'\n[[stage]]\nbatch = 2", "stage 1: no epochs"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 2.5", "epochs is 2.5"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 2\nflip = 1", "flip is 1"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 0", "start at 1"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\nlr = -1.0", "lr is -1.0"),
        ("[network]\nname = 'digits'\nwidth = {x = 1}\n[[stage]]\nepochs = 1", r"width of \[network\] is {'x': 1}"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\nlr = nan", "lr is nan"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = '1'", "epochs is '1' .a whole number"),
        ("[network]\nname = 'digits'\n[stage]\nepochs = 1", r"one or more tables: \[\[stage\]\]"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\nwarmup = 5", "warmup is 5 of 1 epochs"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\nsmoothing = 2", "smoothing is 2 "),
        (
            "[network]\nname = 'digits'\n[[stage]]\nepochs = 1\nsmoothing = 0.1\nloss = 'squared_hinge'",
            "smoothing is 0.1",
        ),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\noptimiser = 'lion'", "one of adam, adamw, sgd"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\nspeed = 1", "unknown key 'speed'"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\ndistil = 0.5", "distils but there is no"),
        ("[network]\nname = 'digits'\n[[stage]]\nepochs = 1\n[teacher]\nname = 'digits'", "come together"),
    ],
)
def test_a_malformed_recipe_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(XnorcError, match=message) as error:
        parse_recipe("mine", text, "mine.toml")
    assert str(error.value).startswith("mine.toml")
    assert "\n" not in str(error.value)


def test_images_that_no_network_takes_are_refused() -> None:
    with pytest.raises(XnorcError, match="images of 8x9"):
        checkpoint.build_network({"name": "digits"}, 10, (8, 9, 1))
    for key in ("classes", "in_ch", "size"):
        with pytest.raises(XnorcError, match=f"{key} is 8, but the data decide it"):
            checkpoint.build_network({"name": "digits", key: 8}, 10, (8, 8, 1))


def test_a_recipe_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(XnorcError, match=r"mine\.toml: cannot be read"):
        load_recipe(str(tmp_path / "mine.toml"))

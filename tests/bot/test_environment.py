"""Settings from environment variables: lists as people write them there, and a key in every refusal."""

from __future__ import annotations

import pytest

from bot.errors import ConfigError
from bot.settings import Settings, load


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Settings from these variables alone."""
    monkeypatch.chdir(tmp_path)

    def settings(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(f"DARKROOM_{name}", value)
        return load()

    return settings


@pytest.mark.parametrize(
    ("value", "devices"),
    [
        ("cpu", ("cpu",)),
        ("cuda:0, cuda:1", ("cuda:0", "cuda:1")),
        ('["cuda:0"]', ("cuda:0",)),
        ("cpu,", ("cpu",)),
    ],
)
def test_a_list_may_have_commas(read, value, devices):
    assert read(ENGINE__DEVICES=value).engine.devices == devices


def test_lists_of_numbers_and_deeper_ones_too(read):
    settings = read(DISCORD__MODERATOR_ROLES="12,34", ENGINE__CLUSTER__RESOURCES="a, b", DIRECT_MESSAGES__WORDS="a b")
    assert settings.discord.moderator_roles == (12, 34)
    assert settings.engine.cluster.resources == ("a", "b")
    assert settings.direct_messages.words == ("a b",)


def test_a_single_number_is_a_list_of_one(read):
    assert read(DISCORD__MODERATOR_ROLES="123456789012345678").discord.moderator_roles == (123456789012345678,)


def test_tables_are_json(read):
    assert (
        read(ENGINE__LORAS='{"ink": {"path": "ink.safetensors", "model": "sdxl"}}').engine.loras["ink"].model == "sdxl"
    )


@pytest.mark.parametrize(
    ("name", "value", "key", "why"),
    [
        ("ENGINE__LORAS", "{", "engine.loras", "it must be a table of names and values"),
        ("ENGINE", "cpu", "engine", "it must be a section"),
        ("STYLES", "x", "styles", "it must be a table"),
        ("DISCORD__MODERATOR_ROLES", "a,b", "discord.moderator_roles.0", "it must be a whole number"),
        ("ENGINE__DEVICES", "", "engine.devices", "it must be a list"),
        ("ENGINE__MAX_LANES", "0", "engine.max_lanes", "it must be at least 1"),
        ("OPERATION__LOG_LEVEL", "loud", "operation.log_level", "it must be 'debug', 'info', 'warning' or 'error'"),
        ("OPERATION__BACKUP_DAILY", "perhaps", "operation.backup_daily", "it must be true or false"),
        ("ENGINE__MODELS__MINE__WIDTH", "512", "engine.models.mine.source", "it is missing"),
        (
            "ENGINE__MODELS__MINE__STEPS",
            "3",
            "engine.models.mine.steps",
            "no such setting; did you mean 'num_inference_steps'?",
        ),
    ],
)
def test_a_refusal_names_the_key_in_our_words(read, name, value, key, why):
    with pytest.raises(ConfigError) as refused:
        read(**{name: value})
    assert refused.value.key == key and refused.value.why.startswith(why)

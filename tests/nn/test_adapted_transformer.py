import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel, ViTConfig, ViTModel

from activefreq.nn.adapted_transformer import AdaptedTransformer
from activefreq.nn.text_conditioning import TextFeatures

SMALL = {"image_size": 32, "patch": 8, "width": 16, "layers": 8, "heads": 2, "adapter_width": 8}
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}


def text(batch=1):
    return TextFeatures(torch.randn(batch, 3, 6), torch.randn(batch, 6), torch.zeros(batch, 3, dtype=torch.bool))


def hidden_states(model, images):
    """After every layer, without the class token, as maps."""
    states = model(images, output_hidden_states=True, return_dict=True).hidden_states[1:]
    return [state[:, 1:].mT.unflatten(2, (4, 4)) for state in states]


@pytest.mark.parametrize("kind", ["clip", "vit"])
def test_without_adapters_it_is_the_transformer(kind, tmp_path):
    torch.manual_seed(0)
    if kind == "clip":
        model = CLIPVisionModel(CLIPVisionConfig(**SIZES, image_size=32, patch_size=8))
    else:
        model = ViTModel(ViTConfig(**SIZES, image_size=32, patch_size=8), add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    ours = AdaptedTransformer(6, str(tmp_path), image_size=32, adapter="none").eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        maps, expected = ours(images, text(2)), hidden_states(model.eval(), images)
    for number, found in zip(ours.taken, maps, strict=True):
        torch.testing.assert_close(found, expected[number - 1])


def test_quarters_of_the_depth():
    assert AdaptedTransformer(6, **SMALL).taken == (2, 4, 6, 8)
    assert AdaptedTransformer(6, **(SMALL | {"layers": 12})).taken == (3, 6, 9, 12)
    with pytest.raises(ValueError, match="layers must be at least 4, got 3"):
        AdaptedTransformer(6, **(SMALL | {"layers": 3}))


@pytest.mark.parametrize("adapter", ["attention", "film"])
def test_an_adapter_reaches_later_layers_only(adapter):
    torch.manual_seed(0)
    transformer = AdaptedTransformer(6, **SMALL, adapter=adapter).eval()
    images, phrase, other = torch.randn(1, 3, 32, 32), text(), text()
    before = transformer(images, phrase)
    for found, same in zip(before, transformer(images, other), strict=True):
        assert torch.equal(found, same)  # adapters begin as the identity
    for parameter in transformer.adapters[1].parameters():
        torch.nn.init.normal_(parameter)
    after = transformer(images, phrase)
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, False, False]
    assert not torch.equal(after[3], transformer(images, other)[3])


def test_other_image_sizes_interpolate_the_positions(tmp_path):
    CLIPVisionModel(CLIPVisionConfig(**SIZES, image_size=32, patch_size=8)).save_pretrained(tmp_path)
    maps = AdaptedTransformer(6, str(tmp_path), image_size=48)(torch.randn(1, 3, 48, 48), text())
    assert [tuple(m.shape) for m in maps] == [(1, 16, 6, 6)] * 4


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="adapter must be one of attention, film, none, got 'lora'"):
        AdaptedTransformer(6, **SMALL, adapter="lora")
    with pytest.raises(ValueError, match="image_size must be a multiple of 8, got 36"):
        AdaptedTransformer(6, **(SMALL | {"image_size": 36}))

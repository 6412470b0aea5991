import json
import re
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizer, ViTConfig, ViTModel

import activefreq as af
from activefreq.data.phantom import Phantom
from activefreq.models.catalogue import network_name
from activefreq.models.checkpoint import load_network, save_network
from activefreq.models.freqmedclip import FreqMedCLIP, FreqMedCLIPConfig
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.pixels import load_pixels
from activefreq.training.steps import CoarseStep

TINY = {
    "input_size": 32,
    "vision_width": 16,
    "vision_heads": 2,
    "patch": 8,
    "text_width": 16,
    "text_layers": 1,
    "text_heads": 2,
    "adapter_width": 8,
    "pyramid": (16, 16, 8, 8),
    "frequency_widths": (8, 8, 16, 16),
    "frequency_depths": (1, 1, 1, 1),
    "bridge_width": 16,
}
ABLATIONS = {
    "full": {},
    "text gate": {"text_gate": True},
    "without the frequency encoder": {"frequency": False},
    "without FFBI": {"bridge": "concatenation"},
    "without LFFI": {"film": False},
    "without the dual decoder": {"dual_decoder": False},
    "without TCA": {"adapter": "none"},
    "FiLM on tokens": {"adapter": "film"},
    "semantic only": {"frequency": False, "film": False, "adapter": "none"},
    "frequency only": {"semantic": False, "film": False},
    "trained transformers": {"train_vision": True, "train_text": True},
    "clicks": {"clicks": True},
}


def tiny(**overrides):
    torch.manual_seed(0)
    return FreqMedCLIP.small(**(TINY | overrides))


def awake(network):
    """Layers that begin at zero would hide a lost gradient."""
    for parameter in network.parameters():
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.mark.parametrize("name", ABLATIONS)
def test_gradient_reaches_every_trained_parameter(name):
    network = awake(tiny(**ABLATIONS[name])).train()
    x = torch.randn(2, 6 if network.config.clicks else 3, 32, 32)
    logits = network.all_logits(x, ["a polyp", "a skin lesion"])
    assert logits.fused.shape == (2, 1, 32, 32)
    two = network.config.semantic and network.config.frequency and network.config.dual_decoder
    assert (logits.semantic is not None) == (logits.frequency is not None) == two
    logits.fused.square().mean().backward()
    text_unused = not (network.config.film or network.config.text_gate) and network.config.adapter == "none"
    for parameter_name, parameter in network.named_parameters():
        if not parameter.requires_grad or (text_unused and parameter_name.startswith("text.")):
            assert parameter.grad is None, parameter_name
        else:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name
            # A bias of the keys shifts every score of a softmax alike; words that no phrase has stay as they are.
            assert parameter.grad.any() or "key.bias" in parameter_name or "k_proj.bias" in parameter_name


def test_frozen_transformers():
    network = tiny()
    assert not any(p.requires_grad for p in network.text.parameters())
    assert not any(p.requires_grad for p in network.vision.transformer.parameters())
    assert all(p.requires_grad for p in network.vision.adapters.parameters())
    network.train()
    assert network.frequency.training
    assert not network.text.transformer.training
    assert not network.vision.transformer.training


def test_the_papers_sizes():
    """Layers 3, 6, 9 and 12 of a ViT-B/16; 14, 28, 56 and 112; ConvNeXt-Tiny; adapters below 2 % of what is trained."""
    with torch.device("meta"):
        network = FreqMedCLIP(FreqMedCLIPConfig(text_layers=1))
    assert network.vision.taken == (3, 6, 9, 12)
    assert network.vision.width == 768
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert sum(p.numel() for p in network.vision.adapters.parameters()) < 0.02 * trained
    assert sum(p.numel() for p in network.frequency.stages.parameters()) == pytest.approx(27.8e6, rel=0.02)


def test_pyramid_levels():
    network = tiny(input_size=64, patch=16)
    images = torch.randn(1, 3, 64, 64)
    levels = network.pyramid(network.vision(images, network.encode_text(["a polyp"])))
    assert [tuple(level.shape[1:]) for level in levels] == [(16, 4, 4), (16, 8, 8), (8, 16, 16), (8, 32, 32)]


@pytest.mark.parametrize("size", [(32, 32), (48, 40), (33, 47)])
def test_any_image_size(size):
    assert tiny().eval()(torch.randn(1, 3, *size)).shape == (1, 1, *size)


def test_the_phrase_matters_where_something_hears_it():
    x = torch.randn(1, 3, 32, 32)
    network = awake(tiny()).eval()
    for film in (m for m in network.modules() if type(m).__name__ == "FiLM"):
        torch.nn.init.normal_(film.pair.weight)
    assert not torch.equal(network(x, ["a polyp"]), network(x, ["a skin lesion"]))
    deaf = awake(tiny(film=False, adapter="none")).eval()
    assert torch.equal(deaf(x, ["a polyp"]), deaf(x, ["a skin lesion"]))


def test_phrases_as_text_as_features_and_by_default():
    x = torch.randn(3, 3, 32, 32)
    network = tiny(phrase="a polyp").eval()
    words = network(x, ["a polyp", "a mole", "a polyp"])
    features = network.encode_text(["a polyp", "a mole"]).rows(torch.tensor([0, 1, 0]))
    torch.testing.assert_close(network(x, features), words)
    torch.testing.assert_close(network(x)[[0, 2]], words[[0, 2]])


def test_clicks_start_silent():
    network = tiny(clicks=True).eval()
    x = torch.randn(1, 6, 32, 32)
    without = torch.cat([x[:, :3], torch.zeros(1, 3, 32, 32)], dim=1)
    torch.testing.assert_close(network(x), network(without))
    assert not torch.equal(awake(network)(x), network(without))


def test_checkpoint_holds_random_backbones(tmp_path):
    network = tiny().eval()
    save_network(tmp_path / "model.safetensors", network, {})
    torch.manual_seed(1)
    again, header = load_network(tmp_path / "model.safetensors")
    assert header["model"] == "freqmedclip"
    assert again.config == network.config
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(again(x, ["a polyp"]), network(x, ["a polyp"]))


def test_config_survives_json():
    config = FreqMedCLIPConfig(adapter="film", pyramid=(8, 8, 8, 8))
    assert FreqMedCLIPConfig.from_dict(json.loads(json.dumps(config.__dict__))) == config


@pytest.fixture(scope="module")
def backbones(tmp_path_factory):
    """Folders of a ViT and of a BERT with its tokenizer, as the hub has them."""
    folder = tmp_path_factory.mktemp("backbones")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    ViTModel(ViTConfig(**sizes, image_size=32, patch_size=8), add_pooling_layer=False).save_pretrained(folder / "vit")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "polyp", "the", "object", "skin", "lesion"]
    BertModel(BertConfig(vocab_size=len(words), **sizes), add_pooling_layer=False).save_pretrained(folder / "bert")
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    return {"vision": str(folder / "vit"), "text": str(folder / "bert")}


def test_named_backbones_are_read_again_not_stored(backbones):
    network = tiny(**backbones).eval()
    state = network.state_dict()
    assert not any("transformer" in name for name in state)
    torch.manual_seed(1)
    again = FreqMedCLIP(network.config).eval()
    again.load_state_dict(state)
    x = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(again(x, ["a polyp"]), network(x, ["a polyp"]))
    with pytest.raises(RuntimeError, match="fusion"):
        again.load_state_dict({name: t for name, t in state.items() if not name.startswith("fusion")})
    assert any("vision.transformer" in name for name in tiny(**backbones, train_vision=True).state_dict())


def test_bad_input_is_refused():
    network = tiny()
    x = torch.randn(2, 3, 32, 32)
    with pytest.raises(ValueError, match=r"FreqMedCLIP: x must have shape \(B, 3, H, W\), got \(2, 6, 32, 32\)"):
        network(torch.randn(2, 6, 32, 32))
    with pytest.raises(ValueError, match="phrases must be 2, one per image, got 1"):
        network(x, ["a polyp"])
    with pytest.raises(ValueError, match="got the single string 'a polyp'"):
        network(x, "a polyp")
    with pytest.raises(ValueError, match="semantic and frequency are both off"):
        tiny(semantic=False, frequency=False)
    with pytest.raises(ValueError, match="input_size must be a multiple of 16, at least 32, got 40"):
        tiny(input_size=40)
    with pytest.raises(ValueError, match="pyramid must be four numbers"):
        tiny(pyramid=(8, 8))
    with pytest.raises(ValueError, match=r"unknown keys \['colour'\]"):
        FreqMedCLIPConfig.from_dict({"colour": 1})


def test_click_training_and_the_predictor_serve_it(tmp_path):
    """With `clicks` it is trained and counted as FreqFormer is."""
    network = tiny(clicks=True, phrase="a drawn skin lesion")
    images, masks = load_pixels(Phantom("train", limit=2), 32)
    step = CoarseStep(network.train(), TrainingConfig(iterations=1))
    step(images.float() / 255, masks, Chance(torch.Generator().manual_seed(0), 2)).backward()
    assert network.frequency.further.weight.grad.any()
    assert network.vision.further.weight.grad.any()
    save_network(tmp_path / "model.safetensors", network, {})
    result = af.evaluate(af.load(tmp_path / "model.safetensors"), Phantom("test", limit=2), max_clicks=2)
    assert result.ious.shape == (2, 2)
    save_network(tmp_path / "other.safetensors", tiny(), {})
    with pytest.raises(ValueError, match="freqmedclip network that takes no clicks"):
        af.load(tmp_path / "other.safetensors")


def test_public_names():
    assert af.models.FreqMedCLIP is FreqMedCLIP
    assert network_name(tiny()) == "freqmedclip"


def test_the_documents_example_runs():
    page = Path(__file__).parents[2] / "docs" / "freqmedclip.md"
    example = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[1]
    names = {}
    exec(compile(example, page.name, "exec"), names)
    assert names["logits"].shape == names["semantic"].shape == (2, 1, 300, 200)
